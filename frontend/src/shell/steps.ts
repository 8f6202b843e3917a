/** The step field: −, value, +, "same"; a warning lets one go on; a bar shows how many are answered. */

export function enhanceSteps(root: ParentNode): void {
  root.querySelectorAll<HTMLElement>(".ask").forEach((ask) => {
    const input = ask.querySelector<HTMLInputElement>(".step input");
    if (!input || ask.dataset["ready"]) return;
    ask.dataset["ready"] = "yes";
    ask.addEventListener("click", (event) => onClick(event, input));
    input.addEventListener("input", () => judge(ask, input));
    judge(ask, input);
  });
}

function onClick(event: Event, input: HTMLInputElement): void {
  const button = (event.target as HTMLElement).closest<HTMLElement>("[data-step], [data-same]");
  if (!button) return;
  if (button.dataset["same"] !== undefined) input.value = button.dataset["same"];
  else input.value = String(Math.max(Number(input.min || 0), Number(input.value || 0) + Number(button.dataset["step"])));
  input.dispatchEvent(new Event("input", { bubbles: true }));
}

/** Mark a value equal to yesterday's, warn about one far from it, count the answered ones. */
function judge(ask: HTMLElement, input: HTMLInputElement): void {
  const yesterday = input.dataset["yesterday"];
  const same = yesterday !== undefined && yesterday !== "" && input.value === yesterday;
  input.toggleAttribute("data-as-yesterday", same);
  const message = ask.querySelector<HTMLElement>("[data-warn]");
  if (message) message.textContent = warning(input, Number(yesterday), message);
  const form = input.form;
  const bar = form?.querySelector<HTMLProgressElement>("progress[data-progress]");
  if (!form || !bar) return;
  const inputs = [...form.querySelectorAll<HTMLInputElement>(".step input")];
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
