"""Composition of transforms and entropy models; one file per system."""
