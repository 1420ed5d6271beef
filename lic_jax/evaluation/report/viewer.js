// Two pictures of one image, one over the other, with a divider between them.

const MOST = 16; // times the size that fits

function viewer(root, data, labels) {
  if (!data.images.length) {
    root.append(make("p", {}, "No picture is embedded."));
    return;
  }
  const state = { position: 50, shown: "both", scale: 1, x: 0, y: 0 };
  const select = (text, change) => {
    const node = make("select", { onchange: change, "data-control": text.toLowerCase() });
    return { node, field: make("label", {}, text, node) };
  };
  const image = select("Image", choose);
  const rung = select("Quality", choose);
  const sides = { left: select("Left", choose), right: select("Right", choose) };
  const pictures = { left: make("img", { draggable: "false" }), right: make("img", { draggable: "false" }) };
  const tags = { left: make("span", { class: "tag left" }), right: make("span", { class: "tag right" }) };
  const over = make("div", { class: "layer" }, pictures.right);
  const divider = make("div", {
    class: "divider", role: "slider", tabindex: 0, "aria-label": "Divider",
    "aria-valuemin": 0, "aria-valuemax": 100, "aria-orientation": "horizontal",
  });
  const stage = make("div", { class: "stage" },
    make("div", { class: "layer" }, pictures.left), over, tags.left, tags.right, divider);
  const status = make("p", { role: "status", class: "quiet" });
  const figures = make("div", { class: "scroll", role: "region", "aria-label": "Figures of the two pictures", tabindex: 0 });

  const picked = () => data.images[image.node.value];
  const original = () => ({ codec: "original", uri: picked().uri });
  const choices = () => [original(), ...picked().rungs[rung.node.value].pictures];
  const chosen = (side) => choices().find((p) => p.codec === sides[side].node.value);

  // What is chosen stays chosen where the next image has it.
  function choose() {
    const keep = (control, entries, wanted) => {
      const before = control.node.value || wanted;
      options(control.node, entries);
      control.node.value = entries.some(([value]) => value === before) ? before : entries.at(-1)[0];
    };
    keep(rung, picked().rungs.map((r, place) => [String(place), String(r.quality)]), "0");
    rung.field.hidden = picked().rungs.length < 2;
    const codecs = choices().map((p) => [p.codec, labels[p.codec] ?? p.codec]);
    keep(sides.left, codecs, "ours");
    keep(sides.right, codecs, codecs[2]?.[0] ?? "original");
    for (const side of ["left", "right"]) {
      const picture = chosen(side);
      pictures[side].src = picture.uri;
      pictures[side].alt = `${picked().name}, ${labels[picture.codec]}`;
      tags[side].textContent = labels[picture.codec];
    }
    figures.replaceChildren(figuresTable());
    fit();
  }

  function figuresTable() {
    const ours = choices().find((p) => p.codec === "ours");
    const row = (side) => {
      const p = chosen(side);
      if (p.codec === "original") return ["original", "", "", "", "", "", ""];
      const more = (100 * (p.bytes / ours.bytes - 1)).toFixed(1);
      return [
        labels[p.codec], String(p.quality), whole(p.bytes),
        p === ours ? "" : `${more > 0 ? "+" : ""}${more} %`.replace("-", "\u2212"),
        p.bpp.toFixed(4), fixed(p.psnr, 2, " dB"), p.ms_ssim.toFixed(5),
      ];
    };
    return table("Files of this image, nearest in size to ours",
      ["Codec", "Quality", "Bytes", "Beside ours", "bpp", "PSNR", "MS-SSIM"],
      ["left", "right"].map((side) => ({ cells: row(side) })));
  }

  // The stage has the shape of the image, and never more than most of a screen.
  function layout() {
    const { width, height } = picked();
    const across = Math.min(root.clientWidth, (0.75 * innerHeight * width) / height);
    stage.style.width = `${across}px`;
    stage.style.height = `${(across * height) / width}px`;
    render();
  }

  function fit() {
    Object.assign(state, { scale: 1, x: 0, y: 0 });
    layout();
  }

  function render() {
    const { clientWidth: width, clientHeight: height } = stage;
    const within = (value, side) => Math.min(0, Math.max(side * (1 - state.scale), value));
    state.x = within(state.x, width);
    state.y = within(state.y, height);
    for (const node of Object.values(pictures)) {
      node.style.transform = `translate(${state.x}px, ${state.y}px) scale(${state.scale})`;
    }
    const edge = { both: state.position, left: 100, right: 0 }[state.shown];
    over.style.clipPath = `inset(0 0 0 ${edge}%)`;
    divider.style.left = `${state.position}%`;
    divider.setAttribute("aria-valuenow", Math.round(state.position));
    const names = [tags.left, tags.right].map((tag) => tag.textContent);
    divider.setAttribute("aria-valuetext",
      `${names[0]} left of ${Math.round(state.position)} %, ${names[1]} right of it`);
    stage.classList.toggle("zoomed", state.scale > 1);
    stage.classList.toggle("whole", state.shown !== "both");
    stage.classList.toggle("pixels", (state.scale * width) / picked().width >= 2);
    stage.dataset.shown = state.shown;
    tags.left.hidden = state.shown === "right";
    tags.right.hidden = state.shown === "left";
    const text = { both: `${names[0]} | ${names[1]}`, left: names[0], right: names[1] }[state.shown];
    if (status.textContent !== text) status.textContent = text;
  }

  function divide(position) {
    state.position = Math.min(100, Math.max(0, position));
    state.shown = "both";
    render();
  }

  function flip() {
    state.shown = state.shown === "right" ? "left" : "right";
    render();
  }

  // About a point of the stage, which stays where it is.
  function zoom(factor, x = stage.clientWidth / 2, y = stage.clientHeight / 2) {
    const scale = Math.min(MOST, Math.max(1, state.scale * factor));
    state.x = x - ((x - state.x) * scale) / state.scale;
    state.y = y - ((y - state.y) * scale) / state.scale;
    state.scale = scale;
    render();
  }

  function pan(x, y) {
    state.x += x;
    state.y += y;
    render();
  }

  const onePixel = () => zoom(picked().width / stage.clientWidth / state.scale);

  function press(event) {
    if (event.target.matches("select") || event.ctrlKey || event.metaKey || event.altKey) return;
    const arrows = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
    const onDivider = event.target === divider;
    const [x, y] = arrows[event.key] ?? [0, 0];
    if (event.key.toLowerCase() === "f") flip();
    else if (event.key === "+" || event.key === "=") zoom(1.5);
    else if (event.key === "-") zoom(1 / 1.5);
    else if (event.key === "0") fit();
    else if (!onDivider) return;
    else if (event.key === "Home") divide(0);
    else if (event.key === "End") divide(100);
    else if (event.key === "PageUp") divide(state.position + 10);
    else if (event.key === "PageDown") divide(state.position - 10);
    else if (event.shiftKey && (x || y)) pan(-40 * x, -40 * y);
    else if (x || y) divide(state.position + x - y);
    else return;
    event.preventDefault();
  }

  drags(stage, divider, { state, divide, zoom, pan });
  root.addEventListener("keydown", press);
  new ResizeObserver(layout).observe(root);
  const button = (text, action) => make("button", { type: "button", onclick: action }, text);
  root.append(
    make("div", { class: "controls" }, image.field, rung.field, sides.left.field, sides.right.field),
    stage,
    make("div", { class: "buttons" }, button("Flip (F)", flip), button("Zoom in (+)", () => zoom(1.5)),
      button("Zoom out (\u2212)", () => zoom(1 / 1.5)), button("1:1", onePixel), button("Fit (0)", fit)),
    status, figures,
    make("p", { class: "quiet" },
      "Drag the divider, or move it with the arrow keys; Shift and arrows move a zoomed picture, as dragging does; two fingers, or Ctrl and the wheel, zoom."));
  options(image.node, data.images.map(({ name }, place) => [String(place), name]));
  choose();
}

// One pointer moves the divider, or the picture where it is zoomed; two zoom.
function drags(stage, divider, { state, divide, zoom, pan }) {
  const pointers = new Map();
  let dividing = false;
  const place = (event) => {
    const box = stage.getBoundingClientRect();
    return { x: event.clientX - box.left, y: event.clientY - box.top };
  };
  const span = () => {
    const [one, other] = [...pointers.values()];
    return {
      length: Math.hypot(one.x - other.x, one.y - other.y) || 1,
      x: (one.x + other.x) / 2, y: (one.y + other.y) / 2,
    };
  };
  stage.addEventListener("pointerdown", (event) => {
    if (event.button) return;
    dividing = event.target === divider || state.scale === 1;
    stage.setPointerCapture(event.pointerId);
    pointers.set(event.pointerId, place(event));
    divider.focus({ preventScroll: true, focusVisible: false });
    event.preventDefault();
  });
  stage.addEventListener("pointermove", (event) => {
    const before = pointers.get(event.pointerId);
    if (!before) return;
    const now = place(event);
    if (pointers.size === 2) {
      const old = span();
      pointers.set(event.pointerId, now);
      const { length, x, y } = span();
      pan(x - old.x, y - old.y);
      zoom(length / old.length, x, y);
    } else {
      pointers.set(event.pointerId, now);
      if (dividing) divide((100 * now.x) / stage.clientWidth);
      else pan(now.x - before.x, now.y - before.y);
    }
  });
  for (const end of ["pointerup", "pointercancel"]) {
    stage.addEventListener(end, (event) => {
      pointers.delete(event.pointerId);
      dividing = false;
    });
  }
  stage.addEventListener("wheel", (event) => {
    if (!event.ctrlKey) return;
    event.preventDefault();
    const { x, y } = place(event);
    zoom(Math.exp(-event.deltaY / 200), x, y);
  }, { passive: false });
}
