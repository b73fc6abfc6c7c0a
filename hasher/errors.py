"""The one exception that stands for bad input."""


class UserError(Exception):
    """Bad input: the message is one line that names the file, field or value and what would be right.

    Command-line entry points print the message without a traceback and exit with code 2.
    """
