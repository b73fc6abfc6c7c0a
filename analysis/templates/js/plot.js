// Axes, lines and points, the same for every picture that the script draws.

/**
 * An empty picture with axes: `x` and `y` have `low`, `high`, `label` and perhaps `marks` to be ticked.
 * Gives the SVG element and the functions from values to its pixels.
 */
function axes(width, height, x, y, label) {
  const left = 52, right = width - 10, top = 10, bottom = height - 40;
  const across = (value) => left + ((value - x.low) / (x.high - x.low)) * (right - left);
  const up = (value) => bottom - ((value - y.low) / (y.high - y.low)) * (bottom - top);
  const svg = shape("svg", { viewBox: `0 0 ${width} ${height}`, width, height, role: "group", "aria-label": label });
  for (const { at, text } of y.marks ?? ticks(y.low, y.high)) {
    svg.append(shape("line", { class: "grid", x1: left, x2: right, y1: up(at), y2: up(at) }));
    svg.append(shape("text", { x: left - 6, y: up(at) + 4, "text-anchor": "end" }, text));
  }
  for (const { at, text } of x.marks ?? ticks(x.low, x.high)) {
    svg.append(shape("text", { x: across(at), y: bottom + 17, "text-anchor": "middle" }, text));
  }
  svg.append(shape("line", { class: "axis", x1: left, x2: right, y1: bottom, y2: bottom }));
  svg.append(shape("text", { x: (left + right) / 2, y: height - 5, "text-anchor": "middle" }, x.label));
  const turned = `translate(13 ${(top + bottom) / 2}) rotate(-90)`;
  svg.append(shape("text", { transform: turned, "text-anchor": "middle" }, y.label));
  for (const text of svg.querySelectorAll("text")) text.setAttribute("aria-hidden", "true");
  return { svg, across, up };
}

/** A range that holds all of these and a little more. */
function around(values) {
  const low = Math.min(...values), high = Math.max(...values), margin = (high - low || 0.1) * 0.06;
  return { low: low - margin, high: high + margin };
}

/** The path through these pixels; a value that is missing breaks it. */
function pathOf(points) {
  let pen = "M";
  return points.map((point) => {
    const drawn = point ? `${pen}${point[0].toFixed(1)} ${point[1].toFixed(1)}` : "";
    pen = point ? "L" : "M";
    return drawn;
  }).join("");
}
