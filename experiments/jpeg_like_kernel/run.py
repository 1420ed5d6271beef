r"""JPEG-like synthesis with kernels of several sides.

  python -m experiments.jpeg_like_kernel.run --train=PHOTOGRAPHS \
    --kodak=FOLDER --runs=runs/arms

Trains what is not in the work folder yet, writes results/results.json and the
figures, and prints the README's table.
"""

from pathlib import Path

from experiments.arms.config import Arm
from experiments.arms.run import Comparison, run
from experiments.arms.table import table
from experiments.jpeg_like_kernel import figures
from experiments.jpeg_like_kernel.blocking import blocking

RESULTS = Path(__file__).parent / "results"
KERNELS = (16, 18, 26, 32)  # sides, pixels


def jpeg_like(side: int) -> Arm:
  """The arm of a kernel."""
  return Arm(f"k{side}", dict(name="shallow.JpegLike", kernel=side, stride=16))


def main() -> None:
  """Runs all of it."""
  comparison = Comparison(
    arms=[jpeg_like(side) for side in KERNELS],
    lmbda=0.0025,
    steps=1000,
    results=RESULTS,
    shown="kodim21",
    measures={"blocking": blocking},
  )
  result, pictures = run(comparison)
  figures.draw(result, pictures, RESULTS)
  print(table(result, ["blocking"]))


if __name__ == "__main__":
  main()
