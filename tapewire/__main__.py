"""`python -m tapewire`: the same program as the `tapewire` command.

Python puts the current directory first on the path when it is given `-m`. A trader's `signal.py` there would replace Python's own,
and a plug-in found there would run in a backtest and be missing in the daemons. So the directory is taken off the path again.
"""

import sys

if __name__ == "__main__":
    if not sys.flags.safe_path:
        del sys.path[0]

    from tapewire.daemons.operator.cli import main

    main()
