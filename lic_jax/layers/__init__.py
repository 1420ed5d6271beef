"""Parameterised blocks: convolution, GDN, residual, attention."""
