"""Rate-distortion, complexity and classical codecs."""
