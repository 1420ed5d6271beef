"""Trained codecs that ship with the package: one bundle folder each."""
