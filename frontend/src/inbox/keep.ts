/** While there is a signal: send what was pressed without one, then keep a fresh bundle. */
import { flush, waitingHere } from "../shell/forms.js";
import { NoVault, openVault, StorageFull } from "../outbox/vault.js";
import { keep, type Kept } from "./bundle.js";

/** Send what waits; where something was sent, show the inbox as it now stands. */
export async function sendWhatWaits(): Promise<void> {
  const before = (await waitingHere()).length;
  if (before === 0) return;
  await flush();
  if ((await waitingHere()).length < before) window.location.reload();
}

export async function keepBundle(place: HTMLElement): Promise<void> {
  const { worker, scope, bundle } = place.dataset;
  if (worker && "serviceWorker" in navigator) await navigator.serviceWorker.register(worker, scope ? { scope } : {}).catch(() => undefined);
  const answer = await fetch(bundle ?? "", { headers: { Accept: "application/json" } }).catch(() => null);
  place.dataset["keptOnPhone"] = answer?.ok && (await kept((await answer.json()) as Kept)) ? "yes" : "no";
}

async function kept(bundle: Kept): Promise<boolean> {
  try {
    const vault = await openVault(document.body.dataset["actor"] ?? "");
    await keep(vault, bundle);
    vault.close();
    return true;
  } catch (fault) {
    if (fault instanceof NoVault || fault instanceof StorageFull) return false;
    throw fault;
  }
}
