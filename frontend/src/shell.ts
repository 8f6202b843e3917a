/** What every page runs: htmx without eval, keys, forms that are never sent twice, undo, the side sheet. */
import { watchChanges, configureHtmx } from "./shell/swap.js";
import { watchForms, flush, enhanceForms } from "./shell/forms.js";
import { watchLeaving } from "./shell/leaving.js";
import { watchKeys } from "./shell/keys.js";
import { watchRefresh } from "./shell/refresh.js";
import { enhanceScroll, watchScroll } from "./shell/scroll.js";
import { watchSheets } from "./shell/sheet.js";
import { enhanceSteps } from "./shell/steps.js";
import { enhanceUndo } from "./shell/undo.js";

export function enhance(root: ParentNode): void {
  enhanceForms(root);
  enhanceSteps(root);
  enhanceUndo(root);
  enhanceScroll(root);
}

configureHtmx();
watchKeys(document);
watchForms(document);
watchLeaving(document);
watchSheets(document);
watchChanges(document, enhance);
watchRefresh(document, enhance);
watchScroll(document);
document.addEventListener("yipan:replaced", (event) => enhance((event as CustomEvent<HTMLElement>).detail));
enhance(document);
void flush();
