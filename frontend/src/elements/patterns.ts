/** The marks that stand beside colour: dots, cross-hatch, hatch. */
import { svg, type SVGTemplateResult } from "lit";

export type Tier = "low" | "medium" | "high" | "undecided" | "no_data";
const PATTERNED: Record<string, string> = { medium: "medium", undecided: "undecided", no_data: "none" };

/**
 * Class and fill of a mark in a tier; an unknown tier is drawn as no data, never as a colour.
 * `outside` is a unit that is not the reader's to see: plain ground, told apart from no data.
 */
export function tierPaint(tier: string, uid: string): { name: string; fill: string | null } {
  if (tier === "low" || tier === "high" || tier === "outside") return { name: `t-${tier}`, fill: null };
  const pattern = PATTERNED[tier] ?? "none";
  return { name: `p-${pattern}`, fill: `url(#${uid}-${pattern})` };
}

export function patterns(uid: string): SVGTemplateResult {
  return svg`<defs>
    <pattern id="${uid}-none" width="6" height="6" patternUnits="userSpaceOnUse" patternTransform="rotate(45)">
      <rect width="6" height="6" class="m-none"></rect><line x1="0" y1="0" x2="0" y2="6" class="m-none-line"></line>
    </pattern>
    <pattern id="${uid}-undecided" width="7" height="7" patternUnits="userSpaceOnUse">
      <rect width="7" height="7" class="m-undecided"></rect><path d="M0 0L7 7M7 0L0 7" class="m-undecided-line"></path>
    </pattern>
    <pattern id="${uid}-medium" width="7" height="7" patternUnits="userSpaceOnUse">
      <rect width="7" height="7" class="m-medium"></rect>
      <circle cx="2" cy="2" r=".85" class="m-medium-dot"></circle><circle cx="5.5" cy="5.5" r=".85" class="m-medium-dot"></circle>
    </pattern>
    <pattern id="${uid}-now" width="5" height="5" patternUnits="userSpaceOnUse" patternTransform="rotate(45)">
      <rect width="5" height="5" class="m-now"></rect><line x1="0" y1="0" x2="0" y2="5" class="m-now-line"></line>
    </pattern>
  </defs>`;
}
