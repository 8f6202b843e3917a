/** The shell's own words and addresses, in both languages; the language is the reader's, signal or not. */
import type { Pair } from "./rules.js";

interface Settings {
  texts: Record<Language, Record<string, string>>;
  addresses: Record<"app" | "worker" | "root" | "day" | "pages" | "form" | "sign_in" | "sign_out", string>;
  parts: Record<string, Record<string, string>>;
  nil: string;
}

export type Language = "zh" | "en";

const LANGUAGE = "yipan.language";

export const settings = JSON.parse(document.getElementById("settings")?.textContent ?? "{}") as Settings;

let language: Language = chosen();

function chosen(): Language {
  const kept = localStorage.getItem(LANGUAGE);
  if (kept === "zh" || kept === "en") return kept;
  return navigator.language.startsWith("zh") ? "zh" : "en";
}

export function speaking(): Language {
  return language;
}

export function speak(wanted: Language): void {
  language = wanted;
  localStorage.setItem(LANGUAGE, wanted);
  document.documentElement.lang = wanted === "zh" ? "zh-Hans" : "en";
}

export function t(name: string, values: Record<string, string | number> = {}): string {
  return (settings.texts[language][name] ?? name).replace(/\{(\w+)\}/g, (_, key: string) => String(values[key] ?? ""));
}

export function said(pair: Pair): string {
  return language === "zh" ? pair[0] : pair[1];
}

/** A day as the language writes it: 2月24日 · 24 Feb. */
export function dayInWords(day: string): string {
  const [year, month, date] = day.split("-").map(Number);
  const moment = new Date(Date.UTC(year ?? 1970, (month ?? 1) - 1, date ?? 1));
  return new Intl.DateTimeFormat(language === "zh" ? "zh-CN" : "en-GB", { day: "numeric", month: language === "zh" ? "long" : "short", timeZone: "UTC" }).format(moment);
}

/** A moment that the server wrote, in the province's own time: only its clock is shown. */
export function clockOf(moment: string): string {
  return /T(\d\d:\d\d)/.exec(moment)?.[1] ?? moment;
}

export function clockHere(milliseconds: number): string {
  const at = new Date(milliseconds);
  return `${String(at.getHours()).padStart(2, "0")}:${String(at.getMinutes()).padStart(2, "0")}`;
}
