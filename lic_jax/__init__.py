"""Learned image compression in JAX/Flax that is light enough to use."""

__version__ = "0.1.0"
