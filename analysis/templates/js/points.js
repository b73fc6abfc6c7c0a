// Points of a picture: how they look, what they say to a pointer and to keys, and how keys go from one to the next.

/** The sample of a method: its line and its marker, in its colour. */
function sample(method) {
  const line = shape("line", { x1: 0, x2: 30, y1: 7, y2: 7, stroke: method.colour, "stroke-dasharray": method.dash });
  const mark = shape("path", { d: method.marker, transform: "translate(15 7) scale(8)", ...paint(method) });
  return shape("svg", { class: "sample", viewBox: "0 0 30 14", width: 30, height: 14, "aria-hidden": "true" }, line, mark);
}

const paint = ({ colour }) => ({ fill: colour, stroke: colour, "stroke-width": "0.14" });

/** Where a picture says what its points are: it lies beside the picture, in the same box. */
const hiddenTip = () => element("div", { class: "tip", "aria-hidden": "true", hidden: true });

/**
 * Draws points into a picture and makes them say what they are: where a pointer is near, and by arrow keys.
 * Each has `x` and `y` in pixels, the `method` whose marker it has, its `size` (0: none), the `line` and the `place`
 * along it that arrow keys go by, what is `said` of it, and what `open` is to do.
 */
function reachable(svg, points, tip) {
  for (const point of points) point.node = mark(point, tip);
  points.sort((one, other) => one.place - other.place || one.y - other.y);
  svg.append(...points.map((point) => point.node));
  points[0].node.setAttribute("tabindex", "0");
  svg.addEventListener("keydown", (event) => walk(event, points));
  const near = ({ clientX, clientY }) => {
    const box = svg.getBoundingClientRect();
    const far = (point) => Math.hypot(point.x - clientX + box.left, point.y - clientY + box.top);
    const nearest = points.reduce((one, other) => (far(one) <= far(other) ? one : other));
    return far(nearest) < 24 ? nearest : null;
  };
  svg.addEventListener("pointermove", (event) => tell(near(event), tip));
  svg.addEventListener("pointerleave", () => tell(null, tip));
  svg.addEventListener("click", (event) => near(event)?.node.dispatchEvent(new Event("open")));
}

/** A point: a button that says its value when it is reached, and opens what is behind it. */
function mark(point, tip) {
  const open = () => { tip.hidden = true; point.open(); };
  const ring = shape("circle", { class: "ring", r: 9 });
  const drawn = point.size ? [shape("path", { d: point.method.marker, transform: `scale(${point.size})`, ...paint(point.method) })] : [];
  return shape("g", {
    class: "point", transform: `translate(${point.x.toFixed(1)} ${point.y.toFixed(1)})`, role: "button", tabindex: "-1",
    "aria-label": point.said, "aria-haspopup": "dialog", open, focus: () => tell(point, tip), blur: () => tell(null, tip),
    keydown: (event) => {
      if (event.key === "Enter" || event.key === " ") { event.preventDefault(); open(); }
      if (event.key === "Escape") tip.hidden = true;
    },
  }, ring, ...drawn);
}

/** Shows what a point says beside it; hides it without one. */
function tell(point, tip) {
  for (const other of tip.parentNode?.querySelectorAll(".point.near") ?? []) other.classList.remove("near");
  tip.hidden = !point;
  if (!point) return;
  point.node.classList.add("near");
  tip.textContent = point.said;
  const room = tip.parentNode.clientWidth - tip.offsetWidth;
  tip.style.left = `${Math.max(0, Math.min(room, point.x - tip.offsetWidth / 2))}px`;
  tip.style.top = point.y > tip.offsetHeight + 16 ? `${point.y - tip.offsetHeight - 12}px` : `${point.y + 14}px`;
}

/** Arrow keys: left and right along a line, up and down among the points of a place. */
function walk(event, points) {
  const at = points.find((point) => point.node === document.activeElement);
  const step = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -1, ArrowDown: 1 }[event.key];
  if (!at || !step) return;
  event.preventDefault();
  const along = event.key === "ArrowLeft" || event.key === "ArrowRight" ? "line" : "place";
  const row = points.filter((point) => point[along] === at[along]);
  const next = row[row.indexOf(at) + step];
  if (!next) return;
  at.node.setAttribute("tabindex", "-1");
  next.node.setAttribute("tabindex", "0");
  next.node.focus();
}
