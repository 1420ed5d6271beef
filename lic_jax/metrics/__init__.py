"""Distortion and the Lagrangian."""
