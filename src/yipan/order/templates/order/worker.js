{% load assets %}// Keeps the page of the inbox without a signal, and its files; nothing that anybody wrote.
const PAGE = "{% url 'order:offline' %}";
const KEPT = "yipan-inbox {% asset_url 'inbox.ts' %} {% asset_url 'css/yipan.css' %}";
const FILE = /(?:href|src)="([^"]*\/static\/dist\/[^"]+)"/g;

async function keepPage() {
  const kept = await caches.open(KEPT);
  const page = await fetch(PAGE, { cache: "reload" });
  const text = await page.clone().text();
  await kept.addAll([...new Set([...text.matchAll(FILE)].map((found) => found[1]))]);
  await kept.put(PAGE, page);
  await self.skipWaiting();
}

async function dropOld() {
  const names = await caches.keys();
  const old = names.filter((name) => name.startsWith("yipan-inbox ") && name !== KEPT);
  await Promise.all(old.map((name) => caches.delete(name)));
  await self.clients.claim();
}

self.addEventListener("install", (event) => event.waitUntil(keepPage()));
self.addEventListener("activate", (event) => event.waitUntil(dropOld()));
self.addEventListener("fetch", (event) => {
  const request = event.request;
  if (request.method !== "GET") return;
  if (request.mode === "navigate") event.respondWith(fetch(request).catch(() => caches.match(PAGE)));
  else if (new URL(request.url).pathname.includes("/static/dist/")) {
    event.respondWith(caches.match(request).then((kept) => kept || fetch(request)));
  }
});
