"""The engine seam over HTTP: a model on another machine, with the one on this machine behind it."""
