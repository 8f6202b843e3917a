/** Who is signed in, what is kept, the language, installing, and the end of it. */
import { items } from "../outbox/outbox.js";
import { button, make } from "./dom.js";
import type { Session } from "./session.js";
import { said, settings, t } from "./settings.js";

interface InstallEvent extends Event {
  prompt(): Promise<unknown>;
}

let offered: InstallEvent | null = null;
window.addEventListener("beforeinstallprompt", (event) => {
  event.preventDefault();
  offered = event as InstallEvent;
});

export async function drawMe(session: Session): Promise<HTMLElement> {
  const root = make("div", { class: "field-page", "data-me": true });
  const day = session.day;
  root.append(make("h1", {}, day?.person.name ?? t("tab_me")));
  const facts = make("dl", { class: "group facts pad" });
  if (day) facts.append(make("dt", {}, t("me_unit")), make("dd", {}, `${said(day.unit.name)} · ${said(day.unit.above)}`));
  const kept = (await items(session.vault)).length + (day ? 1 : 0);
  facts.append(make("dt", {}, t("me_storage")), make("dd", {}, t("me_storage_text", { n: kept, used: await used() })));
  root.append(facts);
  if (session.persistent === false) root.append(make("p", { class: "callout" }, t("not_persistent")));
  if (session.skewMinutes) root.append(make("p", { class: "callout warn" }, t("clock_off", { minutes: session.skewMinutes })));
  if (offered) {
    const install = button(t("install"), async () => {
      await offered?.prompt();
      offered = null;
    }, "btn sec");
    root.append(make("section", { class: "group pad" }, make("div", { class: "acts" }, install), make("p", { class: "sub sm" }, t("install_about"))));
  }
  root.append(make("p", {}, make("a", { href: settings.addresses.form }, t("web_page"))));
  if (day) root.append(make("div", { class: "acts" }, button(t("sign_out"), (pressed) => signOut(session, pressed), "btn sec", { "data-sign-out": "" })));
  return root;
}

async function used(): Promise<string> {
  const bytes = (await navigator.storage?.estimate?.())?.usage ?? 0;
  return bytes < 1_000_000 ? `${Math.ceil(bytes / 1000)} kB` : `${(bytes / 1_000_000).toFixed(1)} MB`;
}

/** What was not received is never wiped by one press. */
async function signOut(session: Session, pressed: HTMLButtonElement): Promise<void> {
  const left = (await items(session.vault)).length;
  if (left && !pressed.dataset["sure"]) {
    pressed.dataset["sure"] = "yes";
    pressed.textContent = t("sign_out_sure", { n: left });
    return;
  }
  const told = await session.signOut();
  const root = pressed.closest<HTMLElement>("#app");
  root?.replaceChildren(make("p", { class: "callout ok", role: "status", "data-wiped": true }, t(told ? "signed_out" : "signed_out_offline")), make("p", { class: "field-page" }, make("a", { class: "btn", href: `${settings.addresses.sign_in}?next=${settings.addresses.app}` }, t("sign_in"))));
}
