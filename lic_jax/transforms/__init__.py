"""Image to latent and back; one file per family."""
