"""Context models in fixed point: the same numbers on every machine."""
