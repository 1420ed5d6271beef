// One rate-distortion plot: lines and marks, and the value under a pointer, a
// finger or the keyboard's focus.

const MARGIN = { left: 44, right: 12, top: 10, bottom: 40 };
const NEAR = 32; // from pointer to mark, pixels
const MARKS = [
  "M-4,0a4,4 0 1,0 8,0a4,4 0 1,0 -8,0", // circle
  "M-4,-4h8v8h-8z", // square
  "M0,-5l5,9h-10z", // triangle
  "M0,-5.5l5.5,5.5l-5.5,5.5l-5.5,-5.5z", // diamond
  "M0,5l5,-9h-10z", // triangle, down
];

// A curve's colour and mark, by its place among all.
function look(curve, index) {
  const colour = curve.kind === "ours" ? "ours" : `line${1 + ((index - 1) % 6)}`;
  return {
    colour: `color: var(--${colour})`,
    mark: MARKS[index % MARKS.length],
  };
}

function key(curve, index) {
  const { colour, mark } = look(curve, index);
  return svg("svg", { viewBox: "0 0 36 16", "aria-hidden": "true" },
    svg("g", { class: `curve ${curve.kind}`, style: colour },
      svg("path", { class: "line", d: "M0,8H36" }),
      svg("path", { class: "mark", d: mark, transform: "translate(18,8)" })));
}

// The rates drawn: classical codecs go far beyond where ours has points.
function rates(curves, log) {
  const all = curves.flatMap((curve) => curve.points.map((p) => p.bpp));
  const ours = curves.filter((curve) => curve.kind === "ours")
    .flatMap((curve) => curve.points.map((p) => p.bpp));
  const high = Math.min(Math.max(...all), Math.max(1.5, 2 * Math.max(...ours, 0)));
  return log ? [Math.min(...all) / 1.1, high * 1.05] : [0, high * 1.02];
}

function ticks(low, high, log) {
  const found = [];
  if (log) {
    for (let power = Math.floor(Math.log10(low)); 10 ** power <= high; power++) {
      found.push(...[1, 2, 5].map((digit) => digit * 10 ** power));
    }
  } else {
    const rough = (high - low) / 6;
    const unit = 10 ** Math.floor(Math.log10(rough));
    const step = unit * [1, 2, 5, 10].find((digit) => digit * unit >= rough);
    for (let n = Math.ceil(low / step); n * step <= high; n++) found.push(n * step);
  }
  return found.filter((value) => value >= low && value <= high);
}

const label = (value) => String(Number(value.toPrecision(3)));

function plot(figure, { metric, title, name, id }) {
  const drawing = svg("svg", { role: "group", "aria-label": `${title}. Arrow keys go from point to point` });
  const tip = make("div", { class: "tip", hidden: "" });
  figure.append(make("figcaption", {}, title), drawing, tip);
  let marks = []; // {node, x, y, curve, place}
  let drawn = null;
  let picked = null;

  function show(mark) {
    picked = mark;
    for (const { node } of marks) node.classList.toggle("picked", node === mark?.node);
    tip.hidden = !mark;
    if (!mark) return;
    tip.textContent = mark.text;
    const room = tip.offsetWidth / 2;
    const middle = Math.min(Math.max(mark.x, room), figure.clientWidth - room);
    tip.style.left = `${middle}px`;
    tip.style.top = `${drawing.offsetTop + mark.y}px`;
  }

  function nearest(event) {
    const box = drawing.getBoundingClientRect();
    const distance = (mark) =>
      Math.hypot(event.clientX - box.left - mark.x, event.clientY - box.top - mark.y);
    const best = marks.reduce(
      (one, other) => (one && distance(one) <= distance(other) ? one : other), null);
    show(best && distance(best) < NEAR ? best : null);
  }

  // From point to point of a curve, or to the nearest rate of the next curve.
  function step(event) {
    const move = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [1, 0], ArrowDown: [-1, 0] }[event.key];
    const from = marks.find(({ node }) => node === event.target);
    if (event.key === "Escape") show(null);
    if (!move || !from) return;
    event.preventDefault();
    const places = [...new Set(marks.map((mark) => mark.place))];
    const count = places.length;
    const place = places[(places.indexOf(from.place) + move[0] + count) % count];
    const row = marks.filter((mark) => mark.place === place);
    const start = row.reduce((one, other) =>
      (Math.abs(one.x - from.x) <= Math.abs(other.x - from.x) ? one : other));
    focus(row[Math.min(Math.max(row.indexOf(start) + move[1], 0), row.length - 1)]);
  }

  function focus(mark) {
    for (const { node } of marks) node.setAttribute("tabindex", node === mark.node ? 0 : -1);
    mark.node.focus();
  }

  function axes(x, y, [left, right], [low, high], log, width, height) {
    const floor = height - MARGIN.bottom;
    const group = svg("g", { "aria-hidden": "true" });
    for (const value of ticks(left, right, log)) {
      group.append(
        svg("line", { class: "grid", x1: x(value), x2: x(value), y1: MARGIN.top, y2: floor }),
        svg("text", { x: x(value), y: floor + 16, "text-anchor": "middle" }, label(value)));
    }
    for (const value of ticks(low, high, false)) {
      group.append(
        svg("line", { class: "grid", x1: MARGIN.left, x2: width - MARGIN.right, y1: y(value), y2: y(value) }),
        svg("text", { x: MARGIN.left - 6, y: y(value) + 4, "text-anchor": "end" }, label(value)));
    }
    group.append(svg("text", { x: width - MARGIN.right, y: height - 6, "text-anchor": "end" },
      log ? "bits per pixel, logarithmic" : "bits per pixel"));
    return group;
  }

  function draw({ curves, shown, log }) {
    drawn = { curves, shown, log };
    const width = figure.clientWidth;
    const height = drawing.clientHeight;
    const visible = curves
      .map((curve, place) => ({ ...curve, place, points: curve.points.filter((p) => p[metric] !== null) }))
      .filter((curve) => shown.has(curve.place) && curve.points.length);
    marks = [];
    drawing.replaceChildren();
    show(null);
    if (!visible.length) {
      drawing.append(svg("text", { x: width / 2, y: height / 2, "text-anchor": "middle" }, "no curve is chosen"));
      return;
    }
    const [left, right] = rates(visible, log);
    const inside = (point) => point.bpp >= left && point.bpp <= right;
    const values = visible.flatMap((curve) => curve.points.filter(inside).map((p) => p[metric]));
    const pad = 0.06 * (Math.max(...values) - Math.min(...values)) || 1;
    const [low, high] = [Math.min(...values) - pad, Math.max(...values) + pad];
    const scale = log ? Math.log : Number;
    const x = (bpp) => MARGIN.left + (width - MARGIN.left - MARGIN.right) *
      ((scale(bpp) - scale(left)) / (scale(right) - scale(left)));
    const y = (value) => MARGIN.top + (height - MARGIN.top - MARGIN.bottom) *
      ((high - value) / (high - low));
    const clip = svg("clipPath", { id },
      svg("rect", { x: MARGIN.left, y: MARGIN.top, width: width - MARGIN.left - MARGIN.right, height: height - MARGIN.top - MARGIN.bottom }));
    drawing.append(clip, axes(x, y, [left, right], [low, high], log, width, height));
    // Ours last, so that it lies on top.
    for (const curve of [...visible].reverse()) {
      const { colour, mark } = look(curve, curve.place);
      const at = (point) => `${x(point.bpp)},${y(point[metric])}`;
      const group = svg("g", { class: `curve ${curve.kind}`, style: colour },
        svg("path", { class: "line", "clip-path": `url(#${id})`, d: `M${curve.points.map(at).join("L")}` }));
      for (const point of curve.points.filter(inside)) {
        const text = `${curve.label}\n${point.bpp.toFixed(4)} bpp\n${point[metric].toFixed(3)} dB ${name}`;
        const node = svg("path", {
          class: "mark", d: mark, transform: `translate(${at(point)})`, role: "img", tabindex: -1,
          "aria-label": text.replaceAll("\n", ", "), "data-bpp": point.bpp, "data-value": point[metric],
          "data-curve": curve.label,
        });
        const entry = { node, text, place: curve.place, x: x(point.bpp), y: y(point[metric]) };
        node.addEventListener("focus", () => show(entry));
        node.addEventListener("blur", () => picked === entry && show(null));
        marks.push(entry);
        group.append(node);
      }
      drawing.append(group);
    }
    marks.at(-1)?.node.setAttribute("tabindex", 0);
  }

  drawing.addEventListener("pointermove", nearest);
  drawing.addEventListener("pointerdown", nearest);
  drawing.addEventListener("pointerleave", (event) => event.pointerType === "mouse" && show(null));
  drawing.addEventListener("keydown", step);
  new ResizeObserver(() => drawn && drawing.clientWidth && draw(drawn)).observe(figure);
  return draw;
}
