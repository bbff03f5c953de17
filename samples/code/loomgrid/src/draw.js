// Showing a cloth, as text for the terminal or as a picture for the wall.

import { longestFloat } from "./weave.js";

export function toText(cloth, { warp = "█", weft = "·" } = {}) {
  const rows = cloth.map((row) => row.map((up) => (up ? warp : weft)).join(""));
  return [...rows, `longest float: ${longestFloat(cloth)}`].join("\n");
}

export function toSvg(cloth, { size = 8, warp = "#24476b", weft = "#efe6d2" } = {}) {
  const width = cloth[0].length * size;
  const height = cloth.length * size;
  const cells = cloth.flatMap((row, y) =>
    row.map((up, x) => {
      const colour = up ? warp : weft;
      return `<rect x="${x * size}" y="${y * size}" width="${size}" height="${size}" fill="${colour}"/>`;
    }),
  );
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}">${cells.join("")}</svg>`;
}
