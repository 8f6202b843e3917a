/** One item over the network: what each answer of the server means for it. */
import type { Item, Outcome, Received, Refusal } from "./outbox.js";

const SOMEBODY_ELSE = "R171";
const CROSS_SITE = 403;

export interface Place {
  /** Path of the page where one signs in; a redirect there means signed out. */
  signIn: string;
  /** Asks the server for a fresh CSRF cookie. */
  renew?: () => Promise<boolean>;
}

export async function sendItem(item: Item, place: Place): Promise<Outcome> {
  let answer = await post(item);
  if (answer?.status === CROSS_SITE && place.renew && (await place.renew())) answer = await post(item);
  if (!answer) return { state: "later", why: "unreachable", after: null };
  return judge(item, answer, place);
}

async function post(item: Item): Promise<Response | null> {
  const headers: Record<string, string> = { Accept: item.kind === "form" ? "application/json, text/html;q=0.9" : "application/json" };
  const token = cookie("csrftoken");
  if (token) headers["X-CSRFToken"] = token;
  if (item.json) headers["Content-Type"] = "application/json";
  const body = item.json ? JSON.stringify(item.json) : new URLSearchParams(withToken(item.fields ?? [], token));
  try {
    return await fetch(item.action, { method: "POST", body, headers, credentials: "same-origin" });
  } catch {
    return null; // no network, or the server went away in the middle
  }
}

/** The token of now: the one kept may have been changed by signing in since. */
function withToken(fields: [string, string][], token: string): [string, string][] {
  const shown = document.querySelector<HTMLInputElement>('input[name="csrfmiddlewaretoken"]')?.value ?? token;
  return fields.map(([name, value]) => [name, name === "csrfmiddlewaretoken" && shown ? shown : value]);
}

async function judge(item: Item, answer: Response, place: Place): Promise<Outcome> {
  if (answer.status === 429 || answer.status >= 500) return { state: "later", why: "busy", after: retryAfter(answer) };
  if (answer.status === 401 || signInAsked(answer, item, place)) return { state: "later", why: "signed-out", after: null };
  const json = (answer.headers.get("Content-Type") ?? "").includes("json");
  const told = json ? ((await answer.clone().json().catch(() => ({}))) as Record<string, unknown>) : {};
  if (answer.ok) {
    // A report counts as received only with the number that the server gave it.
    if (item.kind === "report" && told["id"] === undefined) return { state: "later", why: "busy", after: null };
    return { state: "received", received: receivedOf(item, told), answer };
  }
  if (told["code"] === SOMEBODY_ELSE) return { state: "later", why: "other-person", after: null };
  return { state: "refused", refusal: refusalOf(answer, told), answer };
}

function receivedOf(item: Item, told: Record<string, unknown>): Received {
  return {
    key: item.key,
    kind: item.kind,
    form: item.form,
    label: item.label,
    id: String(told["id"] ?? told["submission"] ?? ""),
    at: String(told["received_at"] ?? ""),
    stands: told["stands"] === true,
    left_out: Array.isArray(told["left_out"]) ? told["left_out"].map(String) : [],
  };
}

function refusalOf(answer: Response, told: Record<string, unknown>): Refusal {
  const text = (name: string): string => (typeof told[name] === "string" ? (told[name] as string) : "");
  return {
    status: answer.status,
    code: text("code"),
    message: text("message") || answer.statusText || String(answer.status),
    remedy: text("remedy"),
    fields: (told["fields"] as Refusal["fields"] | undefined) ?? {},
  };
}

function signInAsked(answer: Response, item: Item, place: Place): boolean {
  if (!answer.redirected || !place.signIn) return false;
  const base = globalThis.location?.href ?? answer.url;
  return new URL(answer.url, base).pathname === place.signIn && new URL(item.action, base).pathname !== place.signIn;
}

/** Milliseconds that the server asks one to wait, null where it does not say. */
function retryAfter(answer: Response): number | null {
  const seconds = Number(answer.headers.get("Retry-After") ?? "");
  return Number.isFinite(seconds) && seconds > 0 ? Math.min(seconds, 3600) * 1000 : null;
}

export function cookie(name: string): string {
  const found = document.cookie.split("; ").find((one) => one.startsWith(`${name}=`));
  return found ? decodeURIComponent(found.slice(name.length + 1)) : "";
}
