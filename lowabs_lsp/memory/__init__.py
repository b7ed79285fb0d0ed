"""What this workspace keeps saying: token n-grams of its files, mixed into the model and drafted for it."""
