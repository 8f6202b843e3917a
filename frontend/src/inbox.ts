/** The inbox on a phone: keeps a signed bundle while there is a signal, shows it when there is none. */
import { keepBundle, sendWhatWaits } from "./inbox/keep.js";
import { showKept } from "./inbox/show.js";

const online = document.querySelector<HTMLElement>("[data-bundle]");
const offline = document.querySelector<HTMLElement>("[data-offline-inbox]");

if (online) void sendWhatWaits().then(() => keepBundle(online));
if (offline) void showKept(offline);
