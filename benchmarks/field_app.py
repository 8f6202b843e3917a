"""First load of the field app on a phone: kilobytes over the wire, seconds at 20 kbit/s.

    python benchmarks/field_app.py [--address ADDRESS --user NAME] [--json]

Without an address it starts a small demonstration of its own (about two minutes). A real Chromium loads the
app with an empty cache, once as fast as the machine is and once throttled by the browser to 20 kbit/s in
both directions with 400 ms of delay; bytes are what the network carried, headers included, as the browser
counts them. The last line with --json is written to benchmarks/results/field_app.json as well.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from playwright.sync_api import Page, sync_playwright

RESULTS = Path(__file__).resolve().parent / "results" / "field_app.json"
LIMIT_KB = 100
SLOW_KBIT_S = 20
DELAY_MS = 400
WIDTH, HEIGHT = 390, 844


def main() -> int:
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--address", help="of a console that is served already")
    asked.add_argument("--user", default="village", help="of the demonstration, who signs in")
    asked.add_argument("--villages", default="40")
    asked.add_argument("--json", action="store_true")
    given = asked.parse_args()
    with served(given.address, given.villages) as address, sync_playwright() as play:
        chromium = os.environ.get("YIPAN_CHROMIUM") or shutil.which("chromium")
        browser = play.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        fast = load(browser, address, given.user, slow=False)
        slow = load(browser, address, given.user, slow=True)
        browser.close()
    result = {
        "limit_kb": LIMIT_KB,
        "first_load_kb": fast["kb"],
        "with_the_worker_kb": fast["all_kb"],
        "requests": fast["requests"],
        "by_kind_kb": fast["by_kind"],
        "slow_kbit_s": SLOW_KBIT_S,
        "slow_delay_ms": DELAY_MS,
        "slow_usable_s": slow["usable_s"],
        "slow_again_usable_s": slow["again_s"],
        "slow_send_s": slow["send_s"],
    }
    print(f"first load                {result['first_load_kb']:8.1f} kB (limit {LIMIT_KB})")
    print(f"with the worker's copies  {result['with_the_worker_kb']:8.1f} kB")
    print(
        f"usable at {SLOW_KBIT_S} kbit/s      {result['slow_usable_s']:8.1f} s first, {result['slow_again_usable_s']:.1f} s from then on"
    )
    print(
        f"a page sent at {SLOW_KBIT_S} kbit/s {result['slow_send_s']:8.1f} s until the server's number is shown"
    )
    RESULTS.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    if given.json:
        print(json.dumps(result))
    return 0 if result["first_load_kb"] <= LIMIT_KB else 1


def load(browser: Any, address: str, user: str, *, slow: bool) -> dict[str, Any]:
    """Load the app with an empty cache and return what came over the wire and how long it took."""
    context = browser.new_context(viewport={"width": WIDTH, "height": HEIGHT}, locale="en-GB")
    page = context.new_page()
    page.goto(f"{address}/sign-in/")
    page.locator(f'button[name="username"][value="{user}"]').click()
    page.wait_for_load_state("load")
    wire = context.new_cdp_session(page)
    wire.send("Network.enable")
    wire.send("Network.clearBrowserCache")
    if slow:
        bytes_s = SLOW_KBIT_S * 1000 / 8
        wire.send(
            "Network.emulateNetworkConditions",
            {"offline": False, "latency": DELAY_MS, "downloadThroughput": bytes_s, "uploadThroughput": bytes_s},
        )  # fmt: skip
    kinds: dict[str, str] = {}
    sizes: dict[str, float] = {}
    wire.on(
        "Network.requestWillBeSent", lambda e: kinds.update({e["requestId"]: e.get("type", "?")})
    )
    wire.on(
        "Network.loadingFinished",
        lambda e: sizes.update({e["requestId"]: e["encodedDataLength"] / 1000}),
    )
    began = time.monotonic()
    page.goto(f"{address}/report/field/", wait_until="commit", timeout=180_000)
    first = page.locator(".step input").first
    first.wait_for(timeout=180_000)
    usable = time.monotonic() - began
    page.wait_for_load_state("networkidle", timeout=180_000)
    kb = sum(sizes.values())
    by_kind: dict[str, float] = {}
    for name, size in sizes.items():
        by_kind[kinds.get(name, "?")] = round(by_kind.get(kinds.get(name, "?"), 0) + size, 1)
    page.evaluate("navigator.serviceWorker.ready.then(() => true)")
    copies = page.evaluate(COPIES) / 1000
    began = time.monotonic()
    page.goto(f"{address}/report/field/", wait_until="commit", timeout=180_000)
    page.locator(".step input").first.wait_for(timeout=180_000)
    again = time.monotonic() - began
    send = send_one(page)
    context.close()
    return {
        "kb": round(kb, 1),
        "all_kb": round(kb + copies, 1),
        "requests": len(sizes),
        "by_kind": by_kind,
        "usable_s": round(usable, 1),
        "again_s": round(again, 1),
        "send_s": round(send, 1),
    }


# What the worker fetched once more for its own store, compressed as it came.
COPIES = """async () => {
  let sum = 0;
  for (const name of await caches.keys()) {
    const store = await caches.open(name);
    for (const request of await store.keys()) {
      const answer = await store.match(request);
      const packed = new Response((await answer.blob()).stream().pipeThrough(new CompressionStream("gzip")));
      sum += (await packed.blob()).size;
    }
  }
  return sum;
}"""


def send_one(page: Page) -> float:
    """Fill in one figure, send it, and return the seconds until the server's number is shown."""
    field = page.locator(".ask:not(.skipped) .step input").first
    field.fill(str(int(time.time()) % 90 + 1))
    if page.locator("#reason").is_visible():
        page.locator("#reason").fill("benchmark")
    began = time.monotonic()
    page.locator(".send button").click()
    page.locator("[data-state=received]").wait_for(timeout=180_000)
    return time.monotonic() - began


@contextmanager
def served(address: str | None, villages: str) -> Iterator[str]:
    """Give the address of a console: the one named, or a demonstration of its own."""
    if address:
        yield address.rstrip("/")
        return
    with tempfile.TemporaryDirectory() as home, socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
        free.close()
        surroundings = {
            **os.environ,
            "YIPAN_HOME": home,
            "YIPAN_DATABASE_URL": "",
            "YIPAN_LANGUAGE": "en",
        }
        verb = [sys.executable, "-m", "yipan.cli"]
        quiet = ["demo", "--no-serve", "--json", "--no-boundaries", "--villages", villages]
        subprocess.run([*verb, *quiet], env=surroundings, check=True, stdout=subprocess.DEVNULL)
        server = subprocess.Popen(
            [*verb, "serve", "--port", str(port), "--workers", "1"], env=surroundings
        )
        try:
            until = time.monotonic() + 60
            while time.monotonic() < until:
                with suppress(OSError):
                    urllib.request.urlopen(f"http://127.0.0.1:{port}/sign-in/", timeout=10)
                    break
                time.sleep(0.5)
            yield f"http://127.0.0.1:{port}"
        finally:
            server.terminate()
            server.wait(timeout=20)


if __name__ == "__main__":
    sys.exit(main())
