"""Iterative encoding: better latents for one image and a frozen decoder."""
