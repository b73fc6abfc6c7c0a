// Tables are sorted by their headings, and long ones are filtered.

const LONG = 12; // rows
const order = new Intl.Collator("en", { numeric: true });
const words = (node) => node.textContent.replace(/\s+/g, " ").trim();

/** The number that an entry begins with; NaN where there is none. */
function number(entry) {
  const text = words(entry).replace(/\u2212/g, "-").replace(/(\d),(?=\d{3})/g, "$1");
  return parseFloat(text.replace(/^[<>] /, ""));
}

/** Negative where `first` comes first; what is missing comes last whichever way the others go. */
function compare(first, second, direction, numbers) {
  const [a, b] = [first, second].map(numbers ? number : words);
  const [noA, noB] = [a, b].map((found) => Number.isNaN(found) || found === "\u2013");
  if (noA || noB) return noA - noB;
  return direction * (numbers ? a - b : order.compare(a, b));
}

/** Headings become buttons: upwards, downwards, and as it was written. */
function sortable(table) {
  const [body] = table.tBodies, written = [...body.rows], headings = [...table.tHead.rows[0].cells];
  headings.forEach((heading, place) => {
    const button = document.createElement("button");
    button.type = "button";
    button.append(...heading.childNodes);
    heading.append(button);
    const numbers = heading.classList.contains("number");
    button.addEventListener("click", () => {
      const next = { ascending: "descending", descending: "" };
      sort(next[heading.getAttribute("aria-sort")] ?? "ascending");
    });
    table.addEventListener("rewritten", () => heading.hasAttribute("aria-sort") && sort(heading.getAttribute("aria-sort")));
    function sort(way) {
      for (const one of headings) one.removeAttribute("aria-sort");
      table.classList.toggle("sorted", way !== "");
      const rows = [...written];
      if (way) {
        heading.setAttribute("aria-sort", way);
        const direction = way === "ascending" ? 1 : -1;
        rows.sort((one, other) => compare(one.cells[place], other.cells[place], direction, numbers));
      }
      body.append(...rows);
    }
  });
}

/** A box above a table that hides rows without all of its words. */
function filterable(figure, rows) {
  const [box, told] = ["input", "output"].map((tag) => document.createElement(tag));
  box.type = "search";
  box.placeholder = "Filter rows";
  box.setAttribute("aria-label", `Filter rows: ${words(figure.querySelector("figcaption"))}`);
  box.addEventListener("input", () => {
    const wanted = box.value.toLowerCase().split(/\s+/);
    for (const row of rows) {
      const text = [...row.cells].map(words).join(" ").toLowerCase();
      row.hidden = !wanted.every((word) => text.includes(word));
    }
    told.value = box.value ? `${rows.filter((row) => !row.hidden).length} of ${rows.length} rows` : "";
  });
  figure.querySelector(".tools").prepend(box, told);
}

for (const figure of document.querySelectorAll("figure.table")) {
  const table = figure.querySelector("table"), rows = [...table.tBodies[0].rows];
  if (rows.length > 1) sortable(table);
  if (rows.length >= LONG) filterable(figure, rows);
}
