/** Signing out wipes what this phone kept; where something was not received yet, the field app asks first. */
import { announce, items } from "../outbox/outbox.js";
import { lastPerson, NoVault, openVault, rememberPerson, wipe } from "../outbox/vault.js";
import { closeVault } from "./forms.js";

export function watchLeaving(doc: Document): void {
  doc.addEventListener("submit", (event) => {
    const form = event.target as HTMLFormElement;
    if (!form.matches("form[data-leaves]") || form.dataset["wiped"]) return;
    event.preventDefault();
    void leave(form);
  });
}

/** `data-leaves` is the address that shows what would be lost. */
async function leave(form: HTMLFormElement): Promise<void> {
  const person = document.body.dataset["actor"] ?? lastPerson();
  if (person && (await left(person))) return window.location.assign(form.dataset["leaves"] ?? "/");
  if (person) await wipe(person);
  closeVault();
  rememberPerson("");
  announce("wiped");
  form.dataset["wiped"] = "yes";
  form.submit();
}

async function left(person: string): Promise<number> {
  try {
    const vault = await openVault(person);
    const inside = await items(vault);
    vault.close();
    return inside.length;
  } catch (fault) {
    if (fault instanceof NoVault) return 0;
    throw fault;
  }
}
