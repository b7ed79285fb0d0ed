"""The replay benchmark: real edits of a git history, typed by a simulated person, completed by one policy after another."""
