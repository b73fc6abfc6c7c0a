"""``python -m hasher``: train one hasher without a study, and use it or a study's winner."""

import argparse
import sys
from collections.abc import Sequence

from hasher.command_line import command
from hasher.commands import embed, encode, info, search, train

COMMANDS = {"embed": embed, "train": train, "encode": encode, "search": search, "info": info}


@command
def main(arguments: Sequence[str] | None = None) -> int:
    """Run one subcommand. Exit codes: 0 done, 1 the training diverged, 2 bad input."""
    parser = argparse.ArgumentParser(prog="python -m hasher", description="Deep hashing with graph filters.")
    subparsers = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name, module in COMMANDS.items():
        module.add_parser(subparsers, name)
    given = parser.parse_args(arguments)
    return COMMANDS[given.command].run(given)


if __name__ == "__main__":
    sys.exit(main())
