"""Intervals, paired tests and what selection does to scores. Nothing here reads a file or prints."""
