"""What the model should see, within a token budget."""
