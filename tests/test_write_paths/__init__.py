"""Every way to write through Django that the README names: what is told of it, and what is not."""
