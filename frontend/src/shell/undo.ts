/** The undo button counts down; the server decides, so at zero the button only stops offering. */

export function enhanceUndo(root: ParentNode): void {
  root.querySelectorAll<HTMLButtonElement>("button[data-undo-seconds]").forEach((button) => {
    if (button.dataset["ready"]) return;
    button.dataset["ready"] = "yes";
    countDown(button, performance.now() + 1000 * Number(button.dataset["undoSeconds"]));
  });
}

function countDown(button: HTMLButtonElement, until: number): void {
  const left = Math.max(0, Math.ceil((until - performance.now()) / 1000));
  const text = left > 0 ? button.dataset["undoText"] : button.dataset["undoOver"];
  button.textContent = (text ?? button.textContent ?? "").replace("{n}", String(left));
  button.disabled = left === 0;
  if (left > 0 && button.isConnected) window.setTimeout(() => countDown(button, until), 250);
}
