"""Damaged and forged files through every reader of the project: what is not taken must be refused in a line.

`mutation` makes them of valid ones, `readers` says which reader takes which file, `cases` runs each in a process of its
own with a limit of time and memory, and ``python -m benchmarks.fuzz`` counts what went wrong.
"""
