"""The multi-reference entropy model of MLIC++ and LOC-LIC, by mechanism."""
