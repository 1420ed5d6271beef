r"""Two-layer synthesis without residual path or IGDN, with smaller kernels.

  python -m experiments.two_layer_ablation.run --train=PHOTOGRAPHS \
    --kodak=FOLDER --runs=runs/arms

Trains what is not in the work folder yet, writes results/results.json and the
figure, and prints the README's table.
"""

from pathlib import Path

from experiments.arms import figures
from experiments.arms.config import TWO_LAYER, Arm
from experiments.arms.run import Comparison, run
from experiments.arms.table import table
from experiments.jpeg_like_kernel.run import jpeg_like

RESULTS = Path(__file__).parent / "results"


def plain(name: str, activation: str) -> Arm:
  """No residual path, and twice the hidden channels: about the same MACs."""
  return Arm(
    name,
    dict(
      name="conv_gdn.Synthesis",
      channels=(24, 3),
      kernels=(13, 5),
      strides=(8, 2),
      activation=activation,
      aligned="keras",
    ),
  )


ARMS = (
  Arm("two_layer"),
  plain("plain_igdn", "gdn"),
  plain("plain_leaky_relu", "leaky_relu"),
  plain("plain_linear", "none"),
  Arm("k1_9", {**TWO_LAYER, "kernels": (9, 5)}),
  Arm("k2_3", {**TWO_LAYER, "kernels": (13, 3)}),
  jpeg_like(18),
)


def main() -> None:
  """Runs all of it."""
  result, _ = run(
    Comparison(arms=ARMS, lmbda=0.0025, steps=1000, results=RESULTS)
  )
  drawn, axes = figures.figure(7, 3.6)
  figures.changes(result, axes)
  figures.save(drawn, RESULTS / "figure_9")
  print(table(result))


if __name__ == "__main__":
  main()
