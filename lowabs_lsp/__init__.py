"""A code-completion language server that runs its own attention model."""
