// Draws a link as a QR code, in this browser: no link leaves it for that.

import { encode } from "./uqr.js";

const SVG = "http://www.w3.org/2000/svg";
const BORDER = 4; // light modules around, as the standard wants

export function drawQr(text) {
  const { size, data } = encode(text, { ecc: "M", border: BORDER });
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("viewBox", `0 0 ${size} ${size}`);
  svg.setAttribute("shape-rendering", "crispEdges");
  svg.setAttribute("aria-hidden", "true");
  const dark = document.createElementNS(SVG, "path");
  let path = "";
  data.forEach((row, y) => row.forEach((on, x) => (path += on ? `M${x} ${y}h1v1h-1z` : "")));
  dark.setAttribute("d", path);
  svg.append(dark);
  return svg;
}
