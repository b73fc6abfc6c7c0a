// From an entry of the main table to its trials, and from a trial to its curve and configuration.

const sheet = element("dialog", { class: "sheet", "aria-labelledby": "sheet-title" });
if (study) document.body.append(sheet);

/** The sheet of a cell; Escape and its button close it, and what opened it has the focus again. */
function openCell(dataset, cell) {
  const close = element("button", { type: "button", class: "close", "aria-label": "Close", click: () => sheet.close() }, "\u00d7");
  const length = cell.bits ? `, ${cell.bits} bits` : "";
  const title = element("h2", { id: "sheet-title" }, `${cell.title}${length}, on ${dataset.label}`);
  sheet.replaceChildren(
    element("header", {}, title, close),
    element("ul", { class: "said" }, ...cell.said.map((line) => element("li", {}, line))),
    ...(cell.trials?.rows.length ? trialsOf(cell) : []),
    listing(cell.tests),
    element("p", {}, "The same with data, origin and files, and the command that runs it again:"),
    element("pre", { tabindex: "0" }, element("code", {}, cell.command)),
  );
  sheet.querySelectorAll("table").forEach((table) => table.tBodies[0].rows.length > 1 && sortable(table));
  sheet.showModal();
  sheet.scrollTop = 0;
}

/** What opens the sheet of a method at a code length. */
function opener(dataset, method, bits) {
  const cell = dataset.cells.find((one) => one.method === method.name && (one.bits === bits || one.bits === 0));
  return () => openCell(dataset, cell);
}

/** The ranked trials, each a button, and what is known of the one that was pressed: at first the winner. */
function trialsOf(cell) {
  const { trials } = cell, about = element("div", { class: "trial", "aria-live": "polite" });
  const buttons = trials.rows.map((row, place) => {
    const press = () => show(place);
    return element("button", { type: "button", class: "row", "aria-label": `Trial ${row[0]}`, click: press }, row[0]);
  });
  function show(place) {
    buttons.forEach((button, other) => button.setAttribute("aria-pressed", other === place));
    about.replaceChildren(...aboutTrial(cell, place));
  }
  show(0);
  return [listing({ ...trials, rows: trials.rows.map((row, place) => [buttons[place], ...row.slice(1)]) }), about];
}

function aboutTrial(cell, place) {
  const { columns, rows } = cell.trials, values = columns.map((name, column) => [name, rows[place][column]]);
  const known = [...values.slice(1).filter(([, value]) => value), ...Object.entries(cell.constants ?? {})];
  const terms = known.flatMap(([name, value]) => [element("dt", {}, name), element("dd", {}, value)]);
  const curve = cell.curves[place] ? [curves(cell, place)] : [];
  return [element("h3", {}, `Trial ${rows[place][0]}`), ...curve, element("dl", {}, ...terms)];
}

/** Validation scores by epoch: the trial's line dark, those of the others pale; below it the loss of the trial. */
function curves(cell, place) {
  const drawn = [[1, cell.trials.columns[2]], [2, "loss"]].filter(([row]) => cell.curves[place][row]?.some((one) => one !== null));
  const pictures = drawn.map(([row, name]) => {
    const others = cell.curves.filter((one) => one?.[row]);
    const all = others.flatMap((one) => one[row]).filter((one) => one !== null);
    const last = Math.max(...others.map((one) => one[0].at(-1)));
    const own = cell.curves[place], best = own[row].filter((one) => one !== null).at(-1);
    const told = `Trial ${cell.trials.rows[place][0]}: ${name} by epoch, ${decimals(best)} at the end`;
    const x = { low: Math.min(1, last - 1), high: last, label: "epoch" };
    const { svg, across, up } = axes(Math.min(420, innerWidth - 80), 220, x, { ...around(all), label: name }, told);
    svg.setAttribute("role", "img");
    const line = (one) => pathOf(one[0].map((epoch, i) => (one[row][i] === null ? null : [across(epoch), up(one[row][i])])));
    for (const one of others) svg.append(shape("path", { class: one === own ? "own" : "other", d: line(one) }));
    svg.append(svg.querySelector(".own"));
    return svg;
  });
  return element("div", { class: "curves" }, ...pictures);
}
