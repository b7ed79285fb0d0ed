"""The default model: data only, found by `importlib.resources`."""
