"""`python -m emu` is the command `ringscope`. It holds nothing of its own."""

import sys

from emu.cli import main

if __name__ == "__main__":
    sys.exit(main())
