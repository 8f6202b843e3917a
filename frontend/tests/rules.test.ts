import { describe, expect, it } from "vitest";
import { change, empty, faultsOf, holds, skipped, toNumber, type Ask, type Tree } from "../src/field/rules.js";
import { turned, type Page } from "../src/field/session.js";
import cases from "./rules.cases.json";

const CODES = { not_whole: "R103", not_decimal: "R170", out_of_range: "R104", total_falls: "R108", nothing_to_repeat: "R121", reason_missing: "R117" };

interface Told { id: string; decimals?: number; max?: number; total?: boolean; before?: string; known?: string; relevant?: string }

const TREES: Record<string, Tree> = { "fever > 0": [">", "fever", 0], "sent = 1": ["=", "sent", 1] };

function ask(told: Told): Ask {
  return {
    id: told.id, label: [told.id, told.id], what: ["", ""], unit: ["", ""], kind: "count", decimals: told.decimals ?? 0,
    min: 0, max: told.max ?? 1000, total: told.total ?? false, warn: 0.2, users: [],
    before: told.before === undefined ? null : { day: "2020-02-23", value: told.before },
    known: told.known === undefined ? null : { day: "2020-02-24", value: told.known },
    ...(told.relevant ? { relevant: TREES[told.relevant] as Tree } : {}),
  };
}

describe("the server's rules, on the phone (the same cases as tests/unit/report/test_field_rules.py)", () => {
  it.each(cases.numbers)("reads $raw", ({ raw, says, decimals, flag }) => {
    expect(toNumber(raw, decimals ?? 0, flag ?? false)).toBe(says === "refused" ? undefined : says);
  });

  it.each(cases.conditions)("$text given $answers: $holds", ({ tree, answers, holds: wanted }) => {
    const given = new Map(Object.entries(answers as Record<string, number>));
    expect(holds(tree as Tree, given)).toBe(wanted);
  });

  it.each(cases.pages)("$why", ({ asks, answers, same, reason, faults }) => {
    const found = faultsOf((asks as Told[]).map(ask), { answers: answers as unknown as Record<string, string>, same, reason });
    expect(Object.fromEntries([...found].map(([id, fault]) => [id, CODES[fault.code]]))).toEqual(faults);
  });
});

describe("a page", () => {
  it("is empty until something is answered, and zero is something", () => {
    expect(empty([ask({ id: "a" })], { answers: { a: " " }, same: [], reason: "" })).toBe(true);
    expect(empty([ask({ id: "a" })], { answers: { a: "0" }, same: [], reason: "" })).toBe(false);
    expect(empty([ask({ id: "a", before: "1" })], { answers: {}, same: ["a"], reason: "" })).toBe(false);
  });

  it("asks for a second look at a large change and refuses nothing", () => {
    expect(change(ask({ id: "a" }), 118, 96)).toBe(23);
    expect(change(ask({ id: "a" }), 100, 96)).toBeNull();
    expect(change(ask({ id: "a" }), 5, 0)).toBeNull();
  });

  it("skips in chains", () => {
    const conditions = new Map<string, Tree>([["b", [">", "a", 0]], ["c", ["=", "b", 1]]]);
    expect([...skipped(conditions, new Map([["a", 0], ["b", 1]]))].sort()).toEqual(["b", "c"]);
  });
});

describe("a page kept past its day", () => {
  const NIGHT = Date.parse("2020-02-24T16:00:00Z"); // midnight in the province
  const page: Page = {
    period: "daily", day: "2020-02-24", ends_at: NIGHT, received: "2020-02-24T12:00:00+08:00",
    sections: [{ id: "now", label: ["", ""], asks: [ask({ id: "a", before: "1", known: "2" }), ask({ id: "b", before: "7" })] }],
  };

  it("is today's until midnight of the board", () => {
    expect(turned(page, NIGHT - 1)).toBe(page);
  });

  it("turns to the new day with what the old one held", () => {
    const next = turned(page, NIGHT);
    expect([next.day, next.received]).toEqual(["2020-02-25", null]);
    const asks = next.sections[0]?.asks ?? [];
    expect(asks.map((one) => [one.before?.value, one.known])).toEqual([["2", null], ["7", null]]);
    expect(turned(page, NIGHT + 86_400_000).day).toBe("2020-02-26");
  });

  it("turns a weekly page by weeks", () => {
    expect(turned({ ...page, period: "weekly" }, NIGHT).day).toBe("2020-03-02");
  });
});
