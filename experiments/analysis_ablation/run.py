r"""Analyses of different kinds and sizes before the two-layer synthesis.

  python -m experiments.analysis_ablation.run --train=PHOTOGRAPHS \
    --kodak=FOLDER --runs=runs/arms

Trains what is not in the work folder yet, writes results/results.json and the
figure, and prints the README's table.
"""

from pathlib import Path

from experiments.arms import figures
from experiments.arms.config import CHANNELS, HIERARCHICAL, TWO_LAYER, Arm
from experiments.arms.run import Comparison, run
from experiments.arms.table import table

RESULTS = Path(__file__).parent / "results"


def chain(name: str, closed: str, **analysis) -> Arm:
  """Convolutions one after the other."""
  box = dict(name="conv_gdn.Analysis", aligned="keras", **analysis)
  return Arm(name, TWO_LAYER, analysis=box, closed=f"analysis/{closed}")


ARMS = (
  Arm("two_layer"),  # hierarchical 16-32-64; the first of two_layer_ablation
  Arm("wider", analysis={**HIERARCHICAL, "channels": (32, 64, 128)}),
  chain("cnn", "conv3", channels=(192, 192, 192, CHANNELS)),
  chain(
    "linear",
    "conv0",
    channels=(CHANNELS,),
    kernels=(16,),
    strides=(16,),
    activation="none",
    last_bias=False,
  ),
)


def main() -> None:
  """Runs all of it."""
  comparison = Comparison(
    arms=ARMS, lmbda=0.0025, steps=1000, results=RESULTS, part="analysis"
  )
  result, _ = run(comparison)
  drawn, axes = figures.figure(7, 2.6)
  figures.changes(result, axes)
  figures.save(drawn, RESULTS / "analyses")
  print(table(result))


if __name__ == "__main__":
  main()
