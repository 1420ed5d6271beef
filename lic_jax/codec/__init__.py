"""Symbols to bytes and back: the .lic file."""
