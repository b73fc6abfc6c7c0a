"""``python -m hasher``: train one hasher without a study."""

import argparse
import sys
from collections.abc import Sequence

from hasher.commands import train
from hasher.errors import UserError
from hasher.notices import plain_warnings

COMMANDS = {"train": train}


@plain_warnings()
def main(arguments: Sequence[str] | None = None) -> int:
    """Run one subcommand. Exit codes: 0 done, 1 the training diverged, 2 bad input."""
    parser = argparse.ArgumentParser(prog="python -m hasher", description="Deep hashing with graph filters.")
    subparsers = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name, module in COMMANDS.items():
        module.add_parser(subparsers, name)
    given = parser.parse_args(arguments)
    try:
        return COMMANDS[given.command].run(given)
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())
