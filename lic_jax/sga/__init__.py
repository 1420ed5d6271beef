"""Iterative encoding: the best latents for one image and a frozen decoder."""
