"""From what the model said to what a person should see."""
