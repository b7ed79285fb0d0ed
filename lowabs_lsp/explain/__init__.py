"""Where a suggestion came from: what of the prompt it needed, what the memory added, and what else it might have been."""
