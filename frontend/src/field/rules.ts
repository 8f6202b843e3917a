/**
 * What may be answered: the server's own rules, so that a phone says at once what the server would say later.
 *
 * tests/rules.cases.json holds what both must agree on; the server's tests read the same file.
 */

export type Pair = [zh: string, en: string];
export type Tree = [string, ...unknown[]];

export interface Ask {
  id: string;
  label: Pair;
  what: Pair;
  unit: Pair;
  kind: "count" | "flag" | "words";
  decimals: number;
  min: number;
  max: number;
  total: boolean; // a running total: it cannot fall without a reason
  warn: number | null;
  users: string[];
  before: { day: string; value: string } | null;
  known: { day: string; value: string } | null;
  latest?: { day: string; value: string }; // pressed on this phone, perhaps not received yet
  relevant?: Tree;
  only_if?: Pair;
}

export interface Fault {
  code: "not_whole" | "not_decimal" | "out_of_range" | "total_falls" | "nothing_to_repeat" | "reason_missing";
  value: string;
}

const NUMBER = /^[+-]?\d+(?:\.\d*)?$/;
const THOUSANDS = /^[+-]?\d{1,3}(?:,\d{3})+(?:\.\d*)?$/;
const YES = new Set(["是", "有", "yes", "y", "true"]);
const NO = new Set(["否", "无", "no", "n", "false"]);
const LONGEST = 18;

/** Full-width digits and signs made plain, blanks trimmed. */
export function plain(raw: string): string {
  return raw.normalize("NFKC").replaceAll("−", "-").trim().replace(/^\ufeff+|\ufeff+$/g, "").trim();
}

/** The number a field holds, null where it is empty, undefined where it is none. */
export function toNumber(raw: string, decimals = 0, flag = false): number | null | undefined {
  const text = plain(raw);
  if (text === "") return null;
  const word = text.toLowerCase();
  if (flag && (YES.has(word) || NO.has(word))) return YES.has(word) ? 1 : 0;
  const digits = THOUSANDS.test(text) ? text.replaceAll(",", "") : text;
  const places = (digits.split(".")[1] ?? "").replace(/0+$/, "");
  if (!NUMBER.test(digits) || digits.length > LONGEST || places.length > decimals) return undefined;
  return Number(digits);
}

// ---- skip logic -------------------------------------------------------------------------------

type Answers = Map<string, number | null>;

const COMPARE: Record<string, (a: number, b: number) => boolean> = {
  "=": (a, b) => a === b,
  "!=": (a, b) => a !== b,
  "<": (a, b) => a < b,
  "<=": (a, b) => a <= b,
  ">": (a, b) => a > b,
  ">=": (a, b) => a >= b,
};

/** Whether a condition holds; a comparison with something unanswered is false. */
export function holds(tree: Tree, answers: Answers): boolean {
  const [word, ...rest] = tree;
  if (word === "and") return rest.every((one) => holds(one as Tree, answers));
  if (word === "or") return rest.some((one) => holds(one as Tree, answers));
  if (word === "not") return !holds(rest[0] as Tree, answers);
  const [left, right] = rest.map((side) => (typeof side === "number" ? side : (answers.get(side as string) ?? null)));
  return left !== null && left !== undefined && right !== null && right !== undefined && (COMPARE[word]?.(left, right) ?? false);
}

/** What is not asked, given the answers; what is skipped answers nothing for the others. */
export function skipped(conditions: Map<string, Tree>, answers: Answers): Set<string> {
  const said: Answers = new Map(answers);
  const found = new Set<string>();
  for (;;) {
    const fresh = [...conditions].filter(([id, tree]) => !found.has(id) && !holds(tree, said)).map(([id]) => id);
    if (fresh.length === 0) return found;
    fresh.forEach((id) => (found.add(id), said.set(id, null)));
  }
}

// ---- a page ------------------------------------------------------------------------------------

/** What stands in the fields of a page. */
export interface Filled {
  answers: Record<string, string>;
  same: string[];
  reason: string;
}

export function conditionsOf(asks: Ask[]): Map<string, Tree> {
  return new Map(asks.filter((ask) => ask.relevant).map((ask) => [ask.id, ask.relevant as Tree]));
}

/** The number that each question stands at: typed, repeated, or known already. */
export function standing(asks: Ask[], filled: Filled): Answers {
  const number = (ask: Ask, raw: string): number | null => toNumber(raw, ask.decimals, ask.kind === "flag") ?? null;
  const found: Answers = new Map();
  for (const ask of asks) {
    const typed = filled.answers[ask.id] ?? "";
    if (ask.kind === "words") found.set(ask.id, typed.trim() || (ask.known && !filled.same.includes(ask.id)) ? 1 : null);
    else if (typed.trim()) found.set(ask.id, number(ask, typed));
    else if (filled.same.includes(ask.id) && ask.before) found.set(ask.id, number(ask, ask.before.value));
    else found.set(ask.id, ask.known ? number(ask, ask.known.value) : null);
  }
  return found;
}

/** What the server would refuse, by question; a skipped one is left out. */
export function faultsOf(asks: Ask[], filled: Filled): Map<string, Fault> {
  const left = skipped(conditionsOf(asks), standing(asks, filled));
  const found = new Map<string, Fault>();
  for (const ask of asks) {
    if (left.has(ask.id)) continue;
    const fault = ask.kind === "words" ? faultOfWords(ask, filled) : faultOf(ask, filled);
    if (fault) found.set(ask.id, fault);
  }
  return found;
}

function faultOfWords(ask: Ask, filled: Filled): Fault | null {
  const typed = (filled.answers[ask.id] ?? "").trim();
  if (!typed && filled.same.includes(ask.id) && !ask.before) return { code: "nothing_to_repeat", value: "" };
  const said = typed || (filled.same.includes(ask.id) ? (ask.before?.value ?? "") : "");
  if (said && ask.known && ask.known.value !== said && !filled.reason.trim()) return { code: "reason_missing", value: said };
  return null;
}

function faultOf(ask: Ask, filled: Filled): Fault | null {
  const typed = filled.answers[ask.id] ?? "";
  let value = toNumber(typed, ask.decimals, ask.kind === "flag");
  if (value === undefined) return { code: ask.decimals ? "not_decimal" : "not_whole", value: plain(typed).slice(0, 40) };
  if (value === null && filled.same.includes(ask.id)) {
    if (!ask.before) return { code: "nothing_to_repeat", value: "" };
    value = toNumber(ask.before.value, ask.decimals) ?? null;
  }
  if (value === null) return null;
  if (value < ask.min || value > ask.max) return { code: "out_of_range", value: String(value) };
  const known = ask.known ? toNumber(ask.known.value, ask.decimals) : null;
  const because = filled.reason.trim() !== "";
  const before = ask.before ? toNumber(ask.before.value, ask.decimals) : null;
  if (ask.total && !because && typeof before === "number" && value < before) return { code: "total_falls", value: String(value) };
  if (typeof known === "number" && known !== value && !because) return { code: "reason_missing", value: String(value) };
  return null;
}

/** Whether nothing at all was answered. */
export function empty(asks: Ask[], filled: Filled): boolean {
  const left = skipped(conditionsOf(asks), standing(asks, filled));
  return asks.every((ask) => left.has(ask.id) || (!(filled.answers[ask.id] ?? "").trim() && !filled.same.includes(ask.id)));
}

/** By how many per cent a value differs from the one before, where that asks for a second look. */
export function change(ask: Ask, value: number, before: number): number | null {
  if (ask.warn === null || !(before > 0)) return null;
  const share = (value - before) / before;
  return Math.abs(share) > ask.warn ? Math.round(share * 100) : null;
}
