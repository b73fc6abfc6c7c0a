// What the other parts share: elements, numbers, and the data that the page holds.
"use strict";

const SVG = "http://www.w3.org/2000/svg";
/** What `analysis.interactive` wrote; null in a page without it. */
const study = JSON.parse(document.getElementById("page-data")?.textContent ?? "null");

function built(made, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === "function") made.addEventListener(name, value);
    else if (value !== false && value !== null) made.setAttribute(name, value === true ? "" : value);
  }
  made.append(...children);
  return made;
}

/** An element with these attributes, of which functions are listeners. */
const element = (tag, attributes = {}, ...children) => built(document.createElement(tag), attributes, children);

/** The same within an SVG picture. */
const shape = (tag, attributes = {}, ...children) => built(document.createElementNS(SVG, tag), attributes, children);

/** A number as the tables have it. */
function decimals(value, digits = 3) {
  const shown = value.toFixed(digits);
  return (Number(shown) === 0 ? (0).toFixed(digits) : shown).replace("-", "\u2212");
}

/** A few round numbers within a range. */
function ticks(low, high) {
  const rough = (high - low) / 7, power = 10 ** Math.floor(Math.log10(rough));
  const step = power * [1, 2, 5, 10].find((one) => one * power >= rough);
  const first = Math.ceil(low / step), count = Math.floor(high / step + 1e-9) - first + 1;
  const digits = Math.max(0, -Math.floor(Math.log10(step) + 1e-9));
  return Array.from({ length: count }, (_, i) => ({ at: (first + i) * step, text: decimals((first + i) * step, digits) }));
}

/** A table of text: `columns`, which of them are `numbers`, and `rows` of texts or elements. */
function listing({ title, columns, numbers, rows }) {
  const cell = (tag, entry, place) => element(tag, numbers[place] ? { class: "number" } : {}, entry);
  const head = element("tr", {}, ...columns.map((text, place) => built(cell("th", text, place), { scope: "col" }, [])));
  const body = rows.map((row) => element("tr", {}, ...row.map((entry, place) => cell("td", entry, place))));
  const table = element("table", {}, element("thead", {}, head), element("tbody", {}, ...body));
  const scroll = element("div", { class: "scroll", tabindex: "0", role: "group", "aria-label": title }, table);
  return element("figure", { class: "table" }, element("figcaption", {}, title), scroll);
}
