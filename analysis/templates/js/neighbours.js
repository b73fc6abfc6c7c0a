// From a query to its neighbours, method by method: pictures where there are any, classes and distances anyway.

/** A neighbour or a query: its picture, and under it its class and `more`. */
function tile(picture, name, more, kind) {
  const image = picture ? [element("img", { src: picture, alt: "" })] : [];
  return element("div", { class: `tile ${kind}` }, ...image, element("span", {}, [name, more].filter(Boolean).join(" \u00b7 ")));
}

function found(queries, place) {
  return queries.methods.map((method, m) => {
    const neighbours = queries.found[m][place].map(([item, distance, right]) => {
      const [name, picture] = queries.items[item], kind = { 1: "right", 0: "wrong" }[right] ?? "";
      const sign = { 1: " \u2713", 0: " \u2717" }[right] ?? "";
      return element("li", {}, tile(picture, name, `d ${distance}${sign}`, kind));
    });
    const score = queries.precision[m][place], precision = score === null ? "" : ` (${decimals(score, 2)})`;
    return element("div", { class: "finder" }, element("h4", {}, method + precision), element("ol", { class: "tiles" }, ...neighbours));
  });
}

/** How many of a query's neighbours are right, by method, as a sentence; empty where nobody knows. */
function rights(queries, place) {
  const known = queries.found.map((one) => one[place].map(([, , right]) => right).filter((right) => right !== null));
  const counts = queries.methods.map((method, m) => `${method} ${known[m].filter(Boolean).length}`);
  return known.some((one) => one.length) ? `Right among the nearest ${known[0].length}: ${counts.join(", ")}.` : "";
}

function askable(dataset) {
  const { queries } = dataset, figure = document.getElementById(`${dataset.key}-nearest-neighbours`);
  if (!queries || !figure) return;
  const choice = element("select", { change: () => show(Number(choice.value)) });
  queries.asked.forEach(([number, name], place) => {
    const scores = queries.precision.map((one) => one[place]).filter((one) => one !== null);
    const range = scores.length ? `, ${decimals(Math.min(...scores), 2)} to ${decimals(Math.max(...scores), 2)}` : "";
    choice.append(element("option", { value: place }, `${number}${name && `, class ${name}`}${range}`));
  });
  const asked = element("div"), all = element("div", { class: "finders" }), said = element("output");
  function show(place) {
    const [number, name, picture] = queries.asked[place];
    asked.replaceChildren(tile(picture, `query ${number}`, name, ""));
    all.replaceChildren(...found(queries, place));
    said.value = rights(queries, place);
  }
  show(0);
  const title = `What each method finds at ${queries.bits} bits among ${queries.of.toLocaleString("en")} items`;
  const label = element("label", {}, `Query, from the hardest to the easiest, with its scores by method `, choice);
  const block = element("section", { class: "asking", "aria-label": `${title}, ${dataset.label}` }, element("h3", {}, title), label, asked, said, all);
  figure.closest(".figures").after(block);
}

study?.datasets.forEach(askable);
