/** The step field: −, value, +, "same"; skip logic; a warning lets one go on; a bar shows how many are answered. */
import { skipped, toNumber, type Tree } from "../field/rules.js";

type Answer = HTMLInputElement | HTMLSelectElement | HTMLTextAreaElement;
const ANSWERS = [".step input", ".step select", "textarea.words"];

export function enhanceSteps(root: ParentNode): void {
  root.querySelectorAll<HTMLElement>(".ask").forEach((ask) => {
    const field = ask.querySelector<Answer>(ANSWERS.join(", "));
    if (!field || ask.dataset["ready"]) return;
    ask.dataset["ready"] = "yes";
    if (!(field instanceof HTMLInputElement)) {
      for (const event of ["input", "kept"]) field.addEventListener(event, () => recount(field));
      recount(field);
      return;
    }
    const input = field;
    ask.addEventListener("click", (event) => onClick(event, input));
    input.addEventListener("input", () => judge(ask, input));
    input.addEventListener("kept", () => judge(ask, input)); // a draft came back
    judge(ask, input);
  });
  root.querySelectorAll<HTMLFormElement>("form:has([data-relevant])").forEach((form) => {
    if (form.dataset["skips"]) return;
    form.dataset["skips"] = "yes";
    form.addEventListener("input", () => skip(form));
    form.addEventListener("change", () => skip(form));
    skip(form);
  });
}

function onClick(event: Event, input: HTMLInputElement): void {
  const button = (event.target as HTMLElement).closest<HTMLElement>("[data-step], [data-same]");
  if (!button) return;
  if (button.dataset["same"] !== undefined) input.value = button.dataset["same"];
  else input.value = stepped(input, Number(button.dataset["step"]));
  input.dispatchEvent(new Event("input", { bubbles: true }));
}

/** One more or less, with as many places as were typed: 2.5 and one more is 3.5. */
function stepped(input: HTMLInputElement, by: number): string {
  const places = (input.value.split(".")[1] ?? "").length;
  return String(Math.max(Number(input.min || 0), Number((Number(input.value || 0) + by).toFixed(places))));
}

/** Leave out what the answers so far make needless; without this script each question says when it counts. */
function skip(form: HTMLFormElement): void {
  const asks = [...form.querySelectorAll<HTMLElement>("[data-ask]")];
  const answers = new Map(asks.map((ask): [string, number | null] => [ask.dataset["ask"] ?? "", answered(ask)]));
  const conditions = new Map(asks.filter((ask) => ask.dataset["relevant"]).map((ask): [string, Tree] => [ask.dataset["ask"] ?? "", JSON.parse(ask.dataset["relevant"] ?? "") as Tree]));
  const left = skipped(conditions, answers);
  for (const ask of asks) ask.classList.toggle("skipped", left.has(ask.dataset["ask"] ?? ""));
  const first = form.querySelector<HTMLInputElement>(".step input");
  if (first) count(form);
}

function answered(ask: HTMLElement): number | null {
  const field = ask.querySelector<HTMLInputElement | HTMLSelectElement>(".step input, .step select");
  return field ? (toNumber(field.value, 9) ?? null) : null;
}

/** Mark a value equal to yesterday's, warn about one far from it, count the answered ones. */
function judge(ask: HTMLElement, input: HTMLInputElement): void {
  const yesterday = input.dataset["yesterday"];
  const same = yesterday !== undefined && yesterday !== "" && input.value === yesterday;
  input.toggleAttribute("data-as-yesterday", same);
  const message = ask.querySelector<HTMLElement>("[data-warn]");
  if (message) message.textContent = warning(input, Number(yesterday), message);
  recount(input);
}

function recount(field: Answer): void {
  if (field.form) count(field.form);
}

function count(form: HTMLFormElement): void {
  const bar = form.querySelector<HTMLProgressElement>("progress[data-progress]");
  if (!bar) return;
  const inputs = [...form.querySelectorAll<Answer>(ANSWERS.map((one) => `.ask:not(.skipped) ${one}`).join(", "))];
  const answered = inputs.filter((i) => i.value !== "").length;
  bar.max = inputs.length;
  bar.value = answered;
  const words = form.querySelector<HTMLElement>("[data-progress-text]");
  if (words) words.textContent = (words.dataset["progressText"] ?? "").replace("{done}", String(answered)).replace("{left}", String(inputs.length - answered));
}

function warning(input: HTMLInputElement, yesterday: number, message: HTMLElement): string {
  const value = Number(input.value);
  const limit = Number(input.dataset["limit"] ?? 20);
  if (input.value === "" || !Number.isFinite(value) || !(yesterday > 0)) return "";
  const percent = Math.round((100 * (value - yesterday)) / yesterday);
  if (Math.abs(percent) <= limit) return "";
  const text = (percent > 0 ? message.dataset["warn"] : message.dataset["warnBelow"]) ?? "";
  return text.replace("{percent}", String(Math.abs(percent)));
}
