"""One engine process for all editors of a user on this machine: each editor's own process only passes messages on."""
