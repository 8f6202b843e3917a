/** While there is a signal: send what was pressed without one, then keep a fresh bundle. */
import { flush, waiting } from "../shell/forms.js";
import { keep, type Kept } from "./bundle.js";

/** Send what waits; where something was sent, show the inbox as it now stands. */
export async function sendWhatWaits(): Promise<void> {
  const before = waiting().length;
  if (before === 0) return;
  await flush();
  if (waiting().length < before) window.location.reload();
}

export async function keepBundle(place: HTMLElement): Promise<void> {
  const worker = place.dataset["worker"];
  if (worker && "serviceWorker" in navigator) await navigator.serviceWorker.register(worker).catch(() => undefined);
  const answer = await fetch(place.dataset["bundle"] ?? "", { headers: { Accept: "application/json" } }).catch(() => null);
  if (answer?.ok) keep((await answer.json()) as Kept);
  place.dataset["keptOnPhone"] = answer?.ok ? "yes" : "no";
}
