"""``python -m hasher``: train one hasher without a study, and use it or a study's winner."""

import argparse
import os
import sys
from collections.abc import Sequence

from hasher.commands import embed, encode, info, search, train
from hasher.errors import UserError
from hasher.notices import plain_warnings

COMMANDS = {"embed": embed, "train": train, "encode": encode, "search": search, "info": info}


@plain_warnings()
def main(arguments: Sequence[str] | None = None) -> int:
    """Run one subcommand. Exit codes: 0 done, 1 the training diverged, 2 bad input."""
    parser = argparse.ArgumentParser(prog="python -m hasher", description="Deep hashing with graph filters.")
    subparsers = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name, module in COMMANDS.items():
        module.add_parser(subparsers, name)
    given = parser.parse_args(arguments)
    try:
        code = COMMANDS[given.command].run(given)
        sys.stdout.flush()
        return code
    except BrokenPipeError:  # whoever reads along, `head` for one, has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # nothing is left to fail when Python ends
        return 0
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except OSError as error:  # a folder that cannot be written to, a disk that is full
        where = f"{error.filename}: " if error.filename else ""
        print(f"error: {where}{error.strerror or error}", file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())
