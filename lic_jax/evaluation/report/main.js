// From the JSON in the page to the page.

const data = JSON.parse(document.getElementById("data").textContent);
const at = (id) => document.getElementById(id);
const { evaluation, curves } = data;
const images = new Set(evaluation.images.map(({ name }) => name)).size;
const shown = new Set(curves.flatMap((curve, place) => (curve.shown ? [place] : [])));

document.title = `${evaluation.codec} on ${evaluation.dataset}: lic_jax report`;
at("title").textContent = `${evaluation.codec} on ${evaluation.dataset}`;
at("summary").textContent =
  `${images} ${images === 1 ? "image" : "images"}, ${evaluation.date.slice(0, 10)}, ` +
  `commit ${evaluation.commit?.slice(0, 12) ?? "not known"}`;

const draws = [
  plot(at("plot-psnr"), { metric: "psnr", title: "PSNR, dB", name: "PSNR", id: "clip-psnr" }),
  plot(at("plot-ms_ssim"), { metric: "ms_ssim", title: "MS-SSIM, dB", name: "MS-SSIM", id: "clip-ms_ssim" }),
];

function drawCurves() {
  for (const draw of draws) draw({ curves, shown, log: at("log").checked });
  at("values").replaceChildren(valuesTable(curves, shown));
}

function legend() {
  const box = (curve, place) => {
    const input = make("input", { type: "checkbox" });
    input.checked = shown.has(place);
    input.addEventListener("change", () => {
      if (input.checked) shown.add(place);
      else shown.delete(place);
      drawCurves();
    });
    return make("label", { class: "key", title: curve.source }, input, key(curve, place), curve.label);
  };
  const keys = (title, wanted) => {
    const boxes = curves.map(box).filter((_, place) => wanted(curves[place]));
    return make("fieldset", { class: "keys" }, make("legend", {}, title), ...boxes);
  };
  const published = (curve) => curve.kind === "published";
  at("legend").append(keys("Measured here", (curve) => !published(curve)));
  if (!curves.some(published)) return;
  at("legend").append(keys("Published", (curve) => published(curve) && curve.shown));
  if (curves.some((curve) => published(curve) && !curve.shown)) {
    at("legend").append(make("details", {}, make("summary", {}, "More published curves"),
      keys("", (curve) => published(curve) && !curve.shown)));
  }
}

legend();
at("log").addEventListener("change", drawCurves);
at("curves-note").textContent = "Point, tap, or use Tab and the arrow keys for values. " +
  "Rates far beyond those of the codec measured are not drawn.";
drawCurves();

options(at("anchor"), data.bd_rates.map(({ anchor }, place) => [place, anchor]));
const drawRates = () => at("rates").replaceChildren(data.bd_rates.length
  ? ratesTable(data, at("anchor").value) : make("p", {}, "n/a: there is no curve to measure against"));
at("anchor").addEventListener("change", drawRates);
drawRates();

at("complexity").append(complexityTable(data.complexity));
at("complexity-note").textContent = "Multiply-accumulates counted on the traced network; " +
  "entropy coding is not counted. Encoding includes the hyper-synthesis. Layers alone: convolutions and " +
  "linear layers. Paper's way: FLOP per pixel / 2000, as in Yang and Mandt (2023).";

viewer(at("viewer"), data.viewer, {
  original: "original", ours: evaluation.codec,
  ...Object.fromEntries(curves.filter((c) => c.kind === "classical").map((c) => [c.name, c.label])),
});
const { limit, seen, max_pixels: most } = data.viewer;
at("viewer").append(make("p", { class: "quiet" },
  `${data.viewer.images.length} of ${seen} images are embedded: the first ${limit} at most ` +
  `(--report_images), and ${whole(most / 1e6)} megapixels of lossless pictures at most.`));

at("about").append(...about(data));
