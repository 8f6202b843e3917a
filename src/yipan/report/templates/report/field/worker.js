// The one service worker of the console. It keeps the app's shell and files, nothing that anybody wrote.
const SETTINGS = {{ settings|safe }};
const KEPT = "yipan-field {{ version }}";
const FILE = /(?:href|src)="([^"]*\/static\/[^"]+)"/g;

async function keep() {
  const kept = await caches.open(KEPT);
  const pages = [SETTINGS.shell, ...SETTINGS.offline.map((part) => part.page)];
  const files = new Set([SETTINGS.manifest]);
  for (const page of pages) {
    const answer = await fetch(page, { cache: "reload", credentials: "omit" });
    if (!answer.ok) {
      if (page === SETTINGS.shell) throw new Error(`${page}: ${answer.status}`);
      continue; // the app works without that part's own page
    }
    for (const found of (await answer.clone().text()).matchAll(FILE)) files.add(found[1]);
    await kept.put(page, answer);
  }
  await kept.addAll([...files]);
  await self.skipWaiting();
}

async function dropOld() {
  const names = await caches.keys();
  const old = names.filter((name) => /^yipan-(field|inbox) /.test(name) && name !== KEPT);
  await Promise.all(old.map((name) => caches.delete(name)));
  await self.clients.claim();
}

/** The page kept for an address that cannot be reached, if there is one. */
function standIn(path) {
  const part = SETTINGS.offline.find((one) => path.startsWith(one.below));
  if (part) return caches.match(part.page).then((kept) => kept || caches.match(SETTINGS.shell));
  return path.startsWith(SETTINGS.form) ? caches.match(SETTINGS.shell) : null;
}

async function navigate(request, path) {
  if (path === SETTINGS.shell) {
    const kept = await caches.match(SETTINGS.shell); // at once, whatever the signal: a newer shell brings a newer worker
    return kept || fetch(request);
  }
  try {
    return await fetch(request);
  } catch (fault) {
    const kept = await standIn(path);
    if (kept) return kept;
    throw fault;
  }
}

self.addEventListener("install", (event) => event.waitUntil(keep()));
self.addEventListener("activate", (event) => event.waitUntil(dropOld()));
self.addEventListener("fetch", (event) => {
  const request = event.request;
  const address = new URL(request.url);
  if (request.method !== "GET" || address.origin !== self.location.origin) return;
  const path = address.pathname;
  if (request.mode === "navigate") {
    const mine = path === SETTINGS.shell || path.startsWith(SETTINGS.form) || SETTINGS.offline.some((part) => path.startsWith(part.below));
    if (mine) event.respondWith(navigate(request, path));
  } else if (path.includes("/static/") || path === SETTINGS.manifest) {
    event.respondWith(caches.match(request).then((kept) => kept || fetch(request)));
  }
});
