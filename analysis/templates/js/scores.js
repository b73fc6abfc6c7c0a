// The main tables and their figures: values by hovering, cells to open, and what is shown switched on and off.

const shown = { metric: study?.metrics[0]?.name, off: new Set() }; // keys of what is off: "data set:…", "bits:…", "method:…"
const isOn = (kind, name) => !shown.off.has(`${kind}:${name}`);

/** The words of a score: with its spread, its interval, and the runs it is the mean of. */
function inWords([mean, spread, runs, low, high]) {
  const within = low === null ? "" : `, 95% interval ${decimals(low)} to ${decimals(high)}`;
  return `${decimals(mean)}${spread === null ? "" : ` \u00b1 ${decimals(spread)}`}${within}, ${runs} ${runs === 1 ? "run" : "runs"}`;
}

/** Entries of a main table become buttons that open their cells; they can be written anew for another metric. */
function mainTable(dataset, part) {
  const table = part.querySelector(".first table"), rows = [...table.tBodies[0].rows];
  const entries = rows.map((row, m) => [...row.cells].slice(1).map((entry, b) => {
    const method = dataset.methods[m], bits = dataset.bits[b], className = entry.className;
    const button = element("button", { type: "button", class: "cell", "aria-haspopup": "dialog", click: opener(dataset, method, bits) });
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
  const tip = hiddenTip();
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
  const reached = points.map(({ method, bits, score, line, place, at }) => ({
    method, line, place, x: across(at), y: up(score[0]), size: method.pale ? 5 : 9, open: opener(dataset, method, bits),
    said: `${method.label}, ${bits} bits: ${inWords(score)}`,
  }));
  reachable(svg, reached, tip);
  return svg;
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
