// The main tables and their figures: values by hovering, cells to open, and what is shown switched on and off.

const shown = { metric: study?.metrics[0]?.name, off: new Set() }; // keys of what is off: "data set:…", "bits:…", "method:…"
const isOn = (kind, name) => !shown.off.has(`${kind}:${name}`);

/** The words of a score: with its spread, its interval, and the runs it is the mean of. */
function inWords([mean, spread, runs, low, high]) {
  const within = low === null ? "" : `, 95% interval ${decimals(low)} to ${decimals(high)}`;
  return `${decimals(mean)}${spread === null ? "" : ` \u00b1 ${decimals(spread)}`}${within}, ${runs} ${runs === 1 ? "run" : "runs"}`;
}

/** The sample of a method: its line and its marker, in its colour. */
function sample(method) {
  const line = shape("line", { x1: 0, x2: 30, y1: 7, y2: 7, stroke: method.colour, "stroke-dasharray": method.dash });
  const mark = shape("path", { d: method.marker, transform: "translate(15 7) scale(8)", ...paint(method) });
  return shape("svg", { class: "sample", viewBox: "0 0 30 14", width: 30, height: 14, "aria-hidden": "true" }, line, mark);
}

const paint = ({ colour }) => ({ fill: colour, stroke: colour, "stroke-width": "0.14" });

/** Entries of a main table become buttons that open their cells; they can be written anew for another metric. */
function mainTable(dataset, part) {
  const table = part.querySelector(".first table"), rows = [...table.tBodies[0].rows];
  const entries = rows.map((row, m) => [...row.cells].slice(1).map((entry, b) => {
    const method = dataset.methods[m], bits = dataset.bits[b], className = entry.className;
    const cell = dataset.cells.find((one) => one.method === method.name && (one.bits === bits || one.bits === 0));
    const name = () => `${method.label}, ${bits} bits: ${words(entry)}`;
    const button = element("button", { type: "button", class: "cell", "aria-haspopup": "dialog", click: () => openCell(dataset, cell) });
    button.append(...entry.childNodes);
    entry.append(button);
    button.title = "Trials and runs of this entry";
    return { entry, button, className, written: [...button.childNodes] };
  }));
  return () => {
    rows.forEach((row, m) => row.classList.toggle("off", !isOn("method", dataset.methods[m].name)));
    const first = shown.metric === study.metrics[0].name;
    entries.forEach((row, m) => row.forEach(({ entry, button, className, written }, b) => {
      const score = dataset.scores[shown.metric]?.[m][b];
      entry.className = first ? className : "number";
      button.replaceChildren(...(first ? written : score ? [spread(score)] : ["\u2013"]));
      entry.classList.toggle("off", !isOn("bits", dataset.bits[b]));
    }));
    dataset.bits.forEach((bits, b) => table.tHead.rows[0].cells[b + 1].classList.toggle("off", !isOn("bits", bits)));
    table.dispatchEvent(new Event("rewritten"));
  };
}

function spread([mean, deviation]) {
  const whole = document.createDocumentFragment();
  whole.append(decimals(mean));
  if (deviation !== null) whole.append(" ", element("span", { class: "spread" }, `\u00b1 ${decimals(deviation)}`));
  return whole;
}

/** The figure beside it, drawn of what is on; it takes the place of the picture that a page without a script has. */
function mainFigure(dataset, part) {
  const figure = part.querySelector(".first > figure");
  if (!figure) return () => {};
  const room = element("div", { class: "chart" }), legend = element("ul", { class: "legend" });
  const tip = element("div", { class: "tip", "aria-hidden": "true", hidden: true });
  figure.querySelectorAll(".enlarge, .picture").forEach((one) => one.remove());
  figure.prepend(room, legend);
  const draw = () => {
    const width = room.clientWidth;
    if (!width) return;
    const methods = dataset.methods.map((method, m) => ({ ...method, m })).filter((one) => isOn("method", one.name));
    const lengths = dataset.bits.map((bits, b) => ({ bits, b })).filter((one) => isOn("bits", one.bits));
    const table = dataset.scores[shown.metric] ?? [];
    const kept = methods.filter(({ m }) => lengths.some(({ b }) => table[m]?.[b]));
    legend.replaceChildren(...kept.map((one) => element("li", {}, sample(one), one.label)));
    tip.hidden = true;
    room.replaceChildren(kept.length ? chart(dataset, kept, lengths, table, width, tip) : element("p", {}, "Nothing that is switched on has this score."), tip);
  };
  new ResizeObserver(draw).observe(room);
  return draw;
}

function chart(dataset, methods, lengths, table, width, tip) {
  const { title } = study.metrics.find((one) => one.name === shown.metric);
  const first = shown.metric === study.metrics[0].name;
  const points = [];
  methods.forEach((method, line) => lengths.forEach(({ bits, b }, place) => {
    const score = table[method.m][b];
    const shift = method.pale ? 0 : Math.min(0.045, 0.5 / methods.length) * (line - (methods.length - 1) / 2);
    if (score) points.push({ method, bits, score, line, place, at: place + shift });
  }));
  const paper = first ? methods.map(({ paper }) => lengths.map(({ bits }, place) => paper[bits] && [place, paper[bits]])) : [];
  const heights = points.flatMap(({ score: [mean, , , low, high] }) => [mean, low ?? mean, high ?? mean]);
  const range = around([...heights, ...paper.flat().filter(Boolean).map(([, value]) => value)]);
  const marks = lengths.map(({ bits }, at) => ({ at, text: String(bits) }));
  const x = { low: -0.35, high: lengths.length - 0.65, label: "bits", marks };
  const told = `${title} by code length on ${dataset.label}, ${points.length} points: arrow keys go from one to the next, Enter opens its trials`;
  const { svg, across, up } = axes(width, Math.min(420, Math.max(300, width * 0.75)), x, { ...range, label: `test ${title}` }, told);
  methods.forEach((method, line) => {
    const own = points.filter((point) => point.line === line), dashed = paper[line]?.map((one) => one && [across(one[0]), up(one[1])]);
    if (dashed?.some(Boolean)) svg.append(shape("path", { class: "line", d: pathOf(dashed), stroke: method.colour, "stroke-dasharray": "7 3", "stroke-width": 1 }));
    const path = pathOf(own.map(({ at, score }) => [across(at), up(score[0])]));
    svg.append(shape("path", { class: "line", d: path, stroke: method.colour, "stroke-dasharray": method.dash }));
    for (const { at, score: [, , , low, high] } of method.pale ? [] : own) {
      if (low !== null) svg.append(shape("line", { stroke: method.colour, x1: across(at), x2: across(at), y1: up(low), y2: up(high) }));
    }
  });
  for (const point of points) point.node = mark(dataset, point, across(point.at), up(point.score[0]), tip);
  points.sort((one, other) => one.place - other.place || other.score[0] - one.score[0]);
  svg.append(...points.map((point) => point.node));
  points[0].node.setAttribute("tabindex", "0");
  svg.addEventListener("keydown", (event) => walk(event, points));
  const near = ({ clientX, clientY }) => {
    const box = svg.getBoundingClientRect();
    const far = (point) => Math.hypot(point.x - clientX + box.left, point.y - clientY + box.top);
    points.forEach((point) => { [point.x, point.y] = [across(point.at), up(point.score[0])]; });
    const nearest = points.reduce((one, other) => (far(one) <= far(other) ? one : other));
    return far(nearest) < 24 ? nearest : null;
  };
  svg.addEventListener("pointermove", (event) => tell(near(event)?.node, tip));
  svg.addEventListener("pointerleave", () => tell(null, tip));
  svg.addEventListener("click", (event) => near(event)?.node.dispatchEvent(new Event("open")));
  return svg;
}

/** A point: a button that says its value when it is reached, and opens its cell. */
function mark(dataset, { method, bits, score }, x, y, tip) {
  const cell = dataset.cells.find((one) => one.method === method.name && (one.bits === bits || one.bits === 0));
  const said = `${method.label}, ${bits} bits: ${inWords(score)}`;
  const open = () => { tip.hidden = true; openCell(dataset, cell); };
  const size = method.pale ? 5 : 9;
  const ring = shape("circle", { class: "ring", r: 9 });
  const drawn = shape("path", { d: method.marker, transform: `scale(${size})`, ...paint(method) });
  return shape("g", {
    class: "point", transform: `translate(${x.toFixed(1)} ${y.toFixed(1)})`, role: "button", tabindex: "-1", "aria-label": said,
    "data-x": x, "data-y": y, open,
    focus: ({ currentTarget }) => tell(currentTarget, tip), blur: () => tell(null, tip),
    keydown: (event) => {
      if (event.key === "Enter" || event.key === " ") { event.preventDefault(); open(); }
      if (event.key === "Escape") tip.hidden = true;
    },
  }, ring, drawn);
}

/** Shows what a point says beside it; hides it without one. */
function tell(node, tip) {
  for (const other of tip.parentNode?.querySelectorAll(".point.near") ?? []) other.classList.remove("near");
  tip.hidden = !node;
  if (!node) return;
  node.classList.add("near");
  tip.textContent = node.getAttribute("aria-label");
  const { x, y } = node.dataset, room = tip.parentNode.clientWidth - tip.offsetWidth;
  tip.style.left = `${Math.max(0, Math.min(room, x - tip.offsetWidth / 2))}px`;
  tip.style.top = y > tip.offsetHeight + 16 ? `${y - tip.offsetHeight - 12}px` : `${Number(y) + 14}px`;
}

/** Arrow keys: left and right along a line, up and down among the points of a code length. */
function walk(event, points) {
  const here = points.findIndex((point) => point.node === document.activeElement);
  if (here < 0) return;
  const at = points[here], same = points.filter((point) => point.place === at.place);
  const along = points.filter((point) => point.line === at.line), step = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -1, ArrowDown: 1 }[event.key];
  if (!step) return;
  event.preventDefault();
  const row = event.key === "ArrowLeft" || event.key === "ArrowRight" ? along : same;
  const next = row[row.indexOf(at) + step];
  if (!next) return;
  at.node.setAttribute("tabindex", "-1");
  next.node.setAttribute("tabindex", "0");
  next.node.focus();
}

/** A box that switches one thing. */
function box(kind, name, label, changed, ...before) {
  const input = element("input", { type: "checkbox", checked: true, "data-switch": `${kind}:${name}` });
  input.addEventListener("change", () => {
    shown.off[input.checked ? "delete" : "add"](input.dataset.switch);
    changed();
  });
  return element("label", {}, input, ...before, label);
}

/** One box for all of a family, half filled where some of it are on. */
function family(name, boxes, changed) {
  const inputs = boxes.map((one) => one.querySelector("input")), whole = element("input", { type: "checkbox", checked: true });
  whole.addEventListener("change", () => {
    for (const input of inputs) {
      input.checked = whole.checked;
      shown.off[input.checked ? "delete" : "add"](input.dataset.switch);
    }
    changed();
  });
  const update = () => {
    const on = inputs.filter((one) => one.checked).length;
    whole.checked = on === inputs.length;
    whole.indeterminate = on > 0 && on < inputs.length;
  };
  return { update, node: element("fieldset", {}, element("legend", {}, element("label", {}, whole, name)), ...boxes) };
}

function choice(parts) {
  const updates = parts.flatMap(({ dataset, part }) => [mainTable(dataset, part), mainFigure(dataset, part)]);
  const methods = [...new Map(study.datasets.flatMap((one) => one.methods).map((one) => [one.name, one])).values()];
  const lengths = [...new Set(study.datasets.flatMap((one) => one.bits))].sort((one, other) => one - other);
  const said = element("output", { class: "now" }), count = element("span");
  const changed = () => {
    families.forEach((one) => one.update());
    for (const part of document.querySelectorAll("[data-dataset]")) part.hidden = !isOn("data set", part.dataset.dataset);
    updates.forEach((update) => update());
    const on = methods.filter((one) => isOn("method", one.name)).length;
    count.textContent = `${on} of ${methods.length}`;
    const metric = study.metrics.find((one) => one.name === shown.metric), first = study.metrics[0];
    const all = shown.off.size === 0, most = lengths.filter((one) => isOn("bits", one)).length;
    const part = all ? "" : `Shown: ${on} of ${methods.length} methods at ${most} of ${lengths.length} code lengths. `;
    said.value = part + (metric === first ? "" : `${metric.title}: which rows differ is tested in ${first.title} alone, which sentences, notes and other tables are about.`);
  };
  const metric = element("select", { change: () => { shown.metric = metric.value; changed(); } });
  metric.append(...study.metrics.map((one) => element("option", { value: one.name }, one.title)));
  const boxes = (kind, names) => names.map(([name, label]) => box(kind, name, label, changed));
  const families = [...new Set(methods.map((one) => one.family))].map((name) => {
    const own = methods.filter((one) => one.family === name);
    return family(name, own.map((one) => box("method", one.name, one.label, changed, sample(one))), changed);
  });
  const group = (name, found) => element("fieldset", {}, element("legend", {}, name), ...found);
  const sets = study.datasets.length > 1 ? [group("Data sets", boxes("data set", study.datasets.map((one) => [one.key, one.label])))] : [];
  const form = element("form", { class: "choose", "aria-label": "What the main table and its figure show", submit: (event) => event.preventDefault() },
    element("label", { class: "metric" }, "Score ", metric),
    group("Bits", boxes("bits", lengths.map((one) => [one, String(one)]))),
    ...sets,
    element("details", {}, element("summary", {}, "Methods: ", count), element("div", { class: "families" }, ...families.map((one) => one.node))),
    said,
  );
  document.querySelector("#results > p").after(form);
  changed();
}

if (study?.metrics.length) {
  const part = (dataset) => document.querySelector(`#results [data-dataset="${CSS.escape(dataset.key)}"]`);
  choice(study.datasets.map((dataset) => ({ dataset, part: part(dataset) })));
}
