"""Learning rate and temperature against progress in [0, 1).

Progress is step / steps, or the spent share of a time budget, so that one
formula serves both. Shallow-decoder specification 4: the schedules of 3000 and
of 2000 steps stretch and shrink with the run.
"""

import dataclasses
import math

import numpy as np

from lic_jax.types import Float


@dataclasses.dataclass(frozen=True)
class Schedule:
  """Of one run.

  Attributes:
    learning_rate: of Adam, until `drop`; a tenth of it afterwards.
    drop: the progress where it drops.
    highest: bound of the temperature.
    start: temperature at progress 0, were it not for the bound.
    decay: the temperature's exponent over the whole run.
  """

  learning_rate: float
  drop: float = 0.9
  highest: float = 0.5
  start: float = 0.5 * math.exp(5e-4 * 200)
  decay: float = 5e-4 * 3000

  def rates(self, progress: Float[np.ndarray, "n"]) -> Float[np.ndarray, "n"]:
    """Learning rate at each progress."""
    return self.learning_rate * np.where(progress < self.drop, 1.0, 0.1)

  def temperatures(
    self, progress: Float[np.ndarray, "n"]
  ) -> Float[np.ndarray, "n"]:
    """start * exp(-decay * progress), from 1e-8 to `highest`."""
    decayed = self.start * np.exp(-self.decay * progress)
    return np.clip(decayed, 1e-8, self.highest)


# Specification 4.1: the paper's two-layer synthesis with SGA, 3000 steps.
PAPER = Schedule(learning_rate=5e-3)

# For runs of 30 to 1000 steps (experiments/sga).
DEFAULT = Schedule(learning_rate=2e-2)
