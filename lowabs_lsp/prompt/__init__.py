"""From a context to the segments that a model family was trained on."""
