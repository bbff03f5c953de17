// The public names of loomgrid.
export { parseDraft, DraftError } from "./draft.js";
export { weave, longestFloat } from "./weave.js";
export { toText, toSvg } from "./draw.js";
