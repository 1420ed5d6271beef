"""Latent to probability to bits."""
