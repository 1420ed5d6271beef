"""State, step, loop, checkpoint, writer, parallel."""
