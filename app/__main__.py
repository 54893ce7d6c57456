"""`python -m app`: the same as the `baton` command. Must hold nothing else."""

import sys

from app.cli import main

if __name__ == "__main__":
    sys.exit(main())
