// The expected best of k random trials: a panel a code length, in the place of the picture that a page without a script has.

function tuningFigure(dataset) {
  const { tuning } = dataset, figure = document.getElementById(`${dataset.key}-tuning-curve`);
  if (!tuning || !figure) return;
  const numbers = new Set(tuning.panels.flatMap(({ curves }) => curves.map(([m]) => m)));
  const kept = dataset.methods.filter((_, m) => numbers.has(m));
  const legend = element("ul", { class: "legend" }, ...kept.map((one) => element("li", {}, sample(one), one.label)));
  const places = tuning.panels.map(() => element("div", { class: "place" }));
  const titled = places.map((place, number) => element("div", { class: "panel" }, element("p", {}, `${tuning.panels[number].bits} bits`), place));
  const room = element("div", { class: "chart panels" }, ...titled);
  figure.querySelectorAll(".enlarge, .picture").forEach((one) => one.remove());
  figure.prepend(room, legend);
  const draw = () => places.forEach((place, number) => {
    const tip = hiddenTip();
    if (place.clientWidth) place.replaceChildren(bestOf(dataset, tuning.panels[number], place.clientWidth, tip), tip);
  });
  new ResizeObserver(draw).observe(room);
}

/** One panel: lines with their bands, a point for every number of trials, and the level of a method without a search. */
function bestOf(dataset, { bits, level, curves }, width, tip) {
  const { tuning } = dataset, values = tuning.panels.flatMap((one) => [one.level, ...one.curves.flatMap(([, , ...rows]) => rows.flat())]);
  const last = Math.max(...tuning.panels.flatMap((one) => one.curves.map(([, trials]) => trials.at(-1))));
  const marks = Array.from({ length: Math.floor(Math.log2(last)) + 1 }, (_, power) => ({ at: power, text: String(2 ** power) }));
  const x = { low: -0.15, high: Math.log2(last) + 0.15, label: "random trials", marks };
  const told = `${tuning.title} that the best of k random trials is expected to have, by k, at ${bits} bits on ${dataset.label}: arrow keys go from one to the next, Enter opens the trials`;
  const y = { ...around(values.filter((one) => one !== null)), label: tuning.title };
  const { svg, across, up } = axes(width, Math.min(300, Math.max(220, width * 0.8)), x, y, told);
  if (level !== null) svg.append(shape("line", { class: "level", x1: across(x.low), x2: across(x.high), y1: up(level), y2: up(level) }));
  const points = curves.flatMap(([m, trials, expected, low, high]) => {
    const method = dataset.methods[m], at = trials.map((k) => across(Math.log2(k)));
    const line = (row) => row.map((value, i) => [at[i], up(value)]);
    if (!method.pale) svg.append(shape("path", { class: "band", d: `${pathOf([...line(high), ...line(low).reverse()])}Z`, fill: method.colour }));
    svg.append(shape("path", { class: "line", d: pathOf(line(expected)), stroke: method.colour, "stroke-dasharray": method.dash }));
    const every = Math.max(1, Math.floor(trials.length / 6));
    return trials.map((k, i) => ({
      method, line: m, place: k, x: at[i], y: up(expected[i]), size: method.pale || i % every ? 0 : 6, open: opener(dataset, method, bits),
      said: `${method.label}, ${bits} bits, best of ${k}: ${decimals(expected[i])}, ${tuning.band} ${decimals(low[i])} to ${decimals(high[i])}`,
    }));
  });
  if (level !== null) {
    const name = shape("text", { x: across(x.high), y: up(level) - 4, "text-anchor": "end", "aria-hidden": "true" }, `${tuning.rival} ${decimals(level)}`);
    svg.append(name);
  }
  reachable(svg, points, tip);
  return svg;
}

study?.datasets.forEach(tuningFigure);
