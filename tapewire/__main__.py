"""The `tapewire` command, and `python -m tapewire`: the same program.

Python puts the current directory first on the path when it is given `-m`. A trader's `signal.py` there would replace Python's own,
and a plug-in found there would run in a backtest and be missing in the daemons. So the directory is taken off the path again.
"""

import sys


def main() -> None:
    """Run a command. Ctrl-C counts from here on: the imports take a moment, too."""
    try:
        from tapewire.daemons.operator import cli
    except KeyboardInterrupt:
        print("tapewire: interrupted", file=sys.stderr)
        sys.exit(130)
    cli.main()


if __name__ == "__main__":
    if not sys.flags.safe_path:
        del sys.path[0]
    main()
