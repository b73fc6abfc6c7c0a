"""The subcommands of ``python -m hasher``, one module each with `add_parser` and `run`."""
