"""`python -m emu` is the command `ringscope`. It holds nothing of its own."""

from emu.cli import command

if __name__ == "__main__":
    command()
