"""Pure functions, written once for NumPy and JAX arrays."""
