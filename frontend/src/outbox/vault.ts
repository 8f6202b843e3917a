/**
 * What a phone keeps, encrypted: IndexedDB records under AES-GCM with a key that cannot be read out.
 *
 * Every person has a key of their own. Forgetting the key makes all that was kept unreadable, even
 * what the browser has not erased from its disk yet. A page without a secure address has no WebCrypto: then
 * nothing is kept, and `openVault` says so (`NoVault`).
 */

export class NoVault extends Error {}
/** The phone has no room left; what was to be kept was not kept. */
export class StorageFull extends Error {}

export type Kind = "draft" | "item" | "received" | "day" | "bundle" | "state";

interface Sealed {
  person: string;
  kind: Kind;
  id: string;
  iv: Uint8Array<ArrayBuffer>;
  sealed: ArrayBuffer;
}

const NAME = "yipan";
const RECORDS = "records";
const KEYS = "keys";
const LAST = "yipan.person";
const PATH = ["person", "kind", "id"];

/** Open the vault of one person; what others kept on this phone stays out of sight. */
export async function openVault(person: string): Promise<SealedVault> {
  if (typeof indexedDB === "undefined" || !globalThis.crypto?.subtle) throw new NoVault();
  try {
    const base = await open();
    return new SealedVault(base, person, await keyOf(base, person));
  } catch (fault) {
    if (full(fault)) throw new StorageFull();
    throw new NoVault(String(fault));
  }
}

/** Forget every key and record on this phone, or one person's. */
export async function wipe(person?: string): Promise<void> {
  if (typeof indexedDB === "undefined") return;
  const base = await open();
  const work = await begin(base, [RECORDS, KEYS], "readwrite");
  if (person === undefined) {
    work.objectStore(KEYS).clear();
    work.objectStore(RECORDS).clear();
  } else {
    work.objectStore(KEYS).delete(person);
    work.objectStore(RECORDS).delete(rangeOf(person));
  }
  await done(work);
  base.close();
}

/** The people something is kept of on this phone. */
export async function people(): Promise<string[]> {
  if (typeof indexedDB === "undefined") return [];
  const base = await open();
  const found = await asked((await begin(base, [KEYS], "readonly")).objectStore(KEYS).getAllKeys());
  base.close();
  return found.map(String);
}

/** Whose phone this is, as last seen signed in: the only thing kept in the clear, a number. */
export function lastPerson(): string {
  return localStorage.getItem(LAST) ?? "";
}

export function rememberPerson(person: string): void {
  if (person) localStorage.setItem(LAST, person);
  else localStorage.removeItem(LAST);
}

/** What the outbox needs of a store; `MemoryVault` stands in where the phone can keep nothing. */
export type Vault = Pick<SealedVault, "person" | "put" | "get" | "list" | "drop" | "close">;

export class MemoryVault implements Vault {
  private readonly records = new Map<string, string>();
  constructor(readonly person: string) {}

  async put(kind: Kind, id: string, value: unknown): Promise<void> {
    this.records.set(`${kind} ${id}`, JSON.stringify(value));
  }
  async get<T>(kind: Kind, id: string): Promise<T | null> {
    return JSON.parse(this.records.get(`${kind} ${id}`) ?? "null") as T | null;
  }
  async list<T>(kind: Kind): Promise<[string, T][]> {
    const mine = [...this.records].filter(([name]) => name.startsWith(`${kind} `));
    return mine.map(([name, text]) => [name.slice(kind.length + 1), JSON.parse(text) as T]);
  }
  async drop(kind: Kind, id: string): Promise<void> {
    this.records.delete(`${kind} ${id}`);
  }
  close(): void {
    this.records.clear();
  }
}

export class SealedVault {
  constructor(
    private readonly base: IDBDatabase,
    readonly person: string,
    private readonly key: CryptoKey,
  ) {}

  async put(kind: Kind, id: string, value: unknown): Promise<void> {
    const iv = crypto.getRandomValues(new Uint8Array(12));
    const plain = new TextEncoder().encode(JSON.stringify(value));
    const sealed = await crypto.subtle.encrypt({ name: "AES-GCM", iv, additionalData: this.about(kind, id) }, this.key, plain);
    try {
      const work = await begin(this.base, [RECORDS], "readwrite");
      work.objectStore(RECORDS).put({ person: this.person, kind, id, iv, sealed } satisfies Sealed);
      await done(work);
    } catch (fault) {
      if (full(fault)) throw new StorageFull();
      throw fault;
    }
  }

  async get<T>(kind: Kind, id: string): Promise<T | null> {
    const work = await begin(this.base, [RECORDS], "readonly");
    const found = (await asked(work.objectStore(RECORDS).get([this.person, kind, id]))) as Sealed | undefined;
    return found ? this.read<T>(found) : null;
  }

  /** Every record of a kind, by id. */
  async list<T>(kind: Kind): Promise<[string, T][]> {
    const work = await begin(this.base, [RECORDS], "readonly");
    const found = (await asked(work.objectStore(RECORDS).getAll(rangeOf(this.person, kind)))) as Sealed[];
    const read = await Promise.all(found.map(async (one): Promise<[string, T | null]> => [one.id, await this.read<T>(one)]));
    return read.filter((one): one is [string, T] => one[1] !== null);
  }

  async drop(kind: Kind, id: string): Promise<void> {
    const work = await begin(this.base, [RECORDS], "readwrite");
    work.objectStore(RECORDS).delete([this.person, kind, id]);
    await done(work);
  }

  close(): void {
    gone.add(this.base);
    this.base.close();
  }

  /** null: it was written under a key that has been forgotten. */
  private async read<T>(one: Sealed): Promise<T | null> {
    try {
      const plain = await crypto.subtle.decrypt({ name: "AES-GCM", iv: one.iv, additionalData: this.about(one.kind, one.id) }, this.key, one.sealed);
      return JSON.parse(new TextDecoder().decode(plain)) as T;
    } catch {
      return null;
    }
  }

  /** Bound to its place: a record moved to another name does not open. */
  private about(kind: Kind, id: string): Uint8Array<ArrayBuffer> {
    return new TextEncoder().encode(JSON.stringify([this.person, kind, id]));
  }
}

async function keyOf(base: IDBDatabase, person: string): Promise<CryptoKey> {
  const there = (await asked((await begin(base, [KEYS], "readonly")).objectStore(KEYS).get(person))) as CryptoKey | undefined;
  if (there) return there;
  const made = await crypto.subtle.generateKey({ name: "AES-GCM", length: 256 }, false, ["encrypt", "decrypt"]);
  // Two tabs may come here at once: the key that was stored first is everybody's.
  const work = await begin(base, [KEYS], "readwrite");
  const store = work.objectStore(KEYS);
  const first = (await asked(store.get(person))) as CryptoKey | undefined;
  if (!first) store.put(made, person);
  await done(work);
  return first ?? made;
}

function open(): Promise<IDBDatabase> {
  const wanted = indexedDB.open(NAME, 1);
  wanted.onupgradeneeded = () => {
    wanted.result.createObjectStore(RECORDS, { keyPath: PATH });
    wanted.result.createObjectStore(KEYS);
  };
  return asked(wanted);
}

/** Stores that were closed on purpose; the page that still holds one is going, or has been wiped. */
const gone = new WeakSet<IDBDatabase>();
let leaving = false;
globalThis.addEventListener?.("pagehide", () => (leaving = true));
globalThis.addEventListener?.("pageshow", () => (leaving = false));

/** Begin some work; on a page that is going nothing more happens, and nobody is told of it. */
function begin(base: IDBDatabase, stores: string[], mode: IDBTransactionMode): Promise<IDBTransaction> {
  return new Promise((resolve, reject) => {
    try {
      resolve(base.transaction(stores, mode));
    } catch (fault) {
      if (!leaving && !gone.has(base)) reject(fault instanceof Error ? fault : new Error(String(fault)));
    }
  });
}

function rangeOf(person: string, kind?: Kind): IDBKeyRange {
  // An array sorts after every text: [person, []] is past all kinds of a person.
  return kind === undefined ? IDBKeyRange.bound([person], [person, []]) : IDBKeyRange.bound([person, kind], [person, kind, []]);
}

function asked<T>(request: IDBRequest<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error ?? new Error("the phone's store did not answer"));
  });
}

function done(work: IDBTransaction): Promise<void> {
  return new Promise((resolve, reject) => {
    work.oncomplete = () => resolve();
    work.onerror = work.onabort = () => reject(work.error ?? new Error("the phone's store refused"));
  });
}

function full(fault: unknown): boolean {
  return fault instanceof Error && fault.name === "QuotaExceededError";
}
