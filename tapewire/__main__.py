"""`python -m tapewire`: the same program as the `tapewire` command."""

from tapewire.daemons.operator.cli import main

if __name__ == "__main__":
    main()
