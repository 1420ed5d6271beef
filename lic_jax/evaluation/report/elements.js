// Making elements, and saying numbers.

function make(tag, attributes = {}, ...children) {
  return fill(document.createElement(tag), attributes, children);
}

function svg(tag, attributes = {}, ...children) {
  const space = "http://www.w3.org/2000/svg";
  return fill(document.createElementNS(space, tag), attributes, children);
}

function fill(node, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else if (value !== undefined) node.setAttribute(name, value);
  }
  node.append(...children);
  return node;
}

function table(caption, columns, rows) {
  const head = columns.map((column) => make("th", { scope: "col" }, column));
  return make("table", {},
    make("caption", {}, caption),
    make("thead", {}, make("tr", {}, ...head)),
    make("tbody", {}, ...rows.map(({ cells: [first, ...rest], strong }) =>
      make("tr", { class: strong ? "strong" : undefined },
        make("th", { scope: "row" }, first),
        ...rest.map((cell) => make("td", {}, ...[cell].flat()))))));
}

function options(select, entries) {
  select.replaceChildren(
    ...entries.map(([value, text]) => make("option", { value }, text)));
}

const fixed = (value, digits, unit = "") =>
  value === null ? "lossless" : value.toFixed(digits) + unit;
const whole = (value) => value.toLocaleString("en-GB");
