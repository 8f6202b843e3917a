/** The field app: today's page, orders and the outbox on a cheap phone, with or without a signal. */
import { App } from "./field/app.js";
import { settings } from "./field/settings.js";

const root = document.getElementById("app");
if (root) void new App(root).start();
if ("serviceWorker" in navigator) {
  // After the page itself: on a slow line the worker's copies would race with it.
  window.addEventListener("load", () => {
    void navigator.serviceWorker.register(settings.addresses.worker, { scope: settings.addresses.root }).catch(() => undefined);
  });
}
