// The tables: BD-rates, complexity, the values of the curves, provenance.

const METRICS = { psnr: "PSNR", ms_ssim: "MS-SSIM" };

function rateCell(cell) {
  if (cell.reason) return ["n/a", make("small", { class: "reason" }, cell.reason)];
  const sign = cell.change > 0 ? "+" : "";
  return [
    `${sign}${cell.change.toFixed(2)} %`.replace("-", "\u2212"),
    make("small", {}, `${cell.low.toFixed(2)} to ${cell.high.toFixed(2)}`),
  ];
}

function ratesTable(data, place) {
  const { anchor, rows } = data.bd_rates[place];
  const ours = data.curves[0].label;
  return table(`Against ${anchor}`,
    ["Curve", ...data.recipes.map((r) => `${METRICS[r.metric]}, ${r.method}`)],
    rows.map(({ curve, cells }) => ({
      strong: curve === ours, cells: [curve, ...cells.map(rateCell)],
    })));
}

function complexityTable({ parts, reason, height, width }) {
  if (!parts.length) return make("p", {}, `n/a: ${reason}`);
  const sums = ["total", "encode", "decode"];
  return table(`At ${height} x ${width}, per pixel of the image`,
    ["Part", "kMAC/px", "Parameters", "layers alone", "paper's way"],
    parts.map((part) => ({
      strong: sums.includes(part.name),
      cells: [
        part.name.replaceAll("_", " "), part.kmac_per_pixel.toFixed(3),
        whole(part.parameters),
        part.layer_kmac_per_pixel.toFixed(3), part.paper_kmac_per_pixel.toFixed(2),
      ],
    })));
}

function valuesTable(curves, shown) {
  const value = (number, digits) => (number === null ? "n/a" : number.toFixed(digits));
  return table("Means over the images",
    ["Curve", "bpp", "PSNR, dB", "MS-SSIM, dB"],
    curves.filter((_, place) => shown.has(place)).flatMap((curve) =>
      curve.points.map((point) => ({
        strong: curve.kind === "ours",
        cells: [curve.label, point.bpp.toFixed(4), value(point.psnr, 3), value(point.ms_ssim, 3)],
      }))));
}

function about(data) {
  const { evaluation, curves, notes } = data;
  const { machine } = evaluation;
  const sources = new Map(curves.filter((c) => c.kind === "published").map((c) => [c.source, 0]));
  const entries = [
    ["Command", evaluation.command],
    ["Commit", evaluation.commit ?? "not known"],
    ["Codec", `${evaluation.codec}, fingerprint ${evaluation.fingerprint.slice(0, 16)}`],
    ["Iterative encoding", evaluation.sga_steps ? `${evaluation.sga_steps} steps` : "none"],
    ["Date", evaluation.date],
    ["Machine", [machine.cpu, `${machine.cores} cores`, machine.system, `JAX ${machine.jax} on ${machine.device}`].join(", ")],
    ["Figures", "Bytes of whole files, headers included; PSNR and MS-SSIM on 8-bit RGB, MS-SSIM as \u221210 log\u2081\u2080(1 \u2212 x); every point is the mean over the images."],
    ["Classical codecs", "Files by Pillow, decoded again: JPEG 4:2:0, WebP method 6, JPEG 2000 9/7, AVIF 4:4:4 speed 6."],
    ...(sources.size ? [["Published curves", [...sources.keys()].join("; ")]] : []),
    ...notes.map((note) => ["Left out", note]),
  ];
  return entries.flatMap(([term, text]) => [make("dt", {}, term), make("dd", {}, text)]);
}
