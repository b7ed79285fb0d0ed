"""What a language's grammar says of a text: whether it is well formed, and which names it uses."""
