"""This engine behind HTTP: one for all who reach this machine, many replicas under Ray Serve."""
