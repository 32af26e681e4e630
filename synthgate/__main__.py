"""The command `synthgate`, which is also `python -m synthgate`."""

from typing import NoReturn

from synthgate.cli.process import exit_at_once


def main() -> NoReturn:
    """Run the command line; a signal ends it without a word from the first import on."""
    exit_at_once()
    from synthgate.cli.app import main as run

    run()


if __name__ == "__main__":
    main()
