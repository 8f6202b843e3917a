/** Every picture; a page that has none does not load this file. */
import "./elements/band.js";
import "./elements/curve.js";
import "./elements/interval.js";
import "./elements/map.js";
import "./elements/smallmaps.js";
