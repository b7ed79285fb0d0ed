"""How good a model is, always through the completer that ships."""
