"""Scripts: the first line that names an interpreter.

It reads the line as Linux does and knows nothing of files.
execve(2): "Interpreter scripts".
"""

from __future__ import annotations

from typing import Final, NamedTuple

from emu.errors import LoadError

HEAD_SIZE: Final = 256  # BINPRM_BUF_SIZE: what Linux looks at
LINE_LIMIT: Final = HEAD_SIZE - 1  # of a line that does not end before
DEPTH_LIMIT: Final = 5  # how often an interpreter may itself be a script
_MARK: Final = b"#!"
_BLANKS: Final = b" \t"


class Script(NamedTuple):
    """What a `#!` line asks for. `argument` is all that follows the path, as one string."""

    interpreter: bytes
    argument: bytes | None

    def rewrite(self, path: bytes, argv: list[bytes]) -> list[bytes]:
        """The interpreter's argv for the script at `path` that was given `argv`."""
        optional = [] if self.argument is None else [self.argument]
        return [self.interpreter, *optional, path, *argv[1:]]


def read_script(head: bytes, name: str) -> Script | None:
    """The script that begins with `head` (HEAD_SIZE bytes of it); None if it is none.

    Raises:
        LoadError: its first line names no interpreter.
    """
    if not head.startswith(_MARK):
        return None
    line, newline, _ = head[len(_MARK) : HEAD_SIZE].partition(b"\n")
    if not newline:
        line = line[: LINE_LIMIT - len(_MARK)]
    line = line.partition(b"\0")[0].strip(_BLANKS)
    interpreter, blank, argument = _split(line)
    if not interpreter:
        raise LoadError(f"{name} is a script whose #! line names no interpreter")
    if not newline and len(head) >= HEAD_SIZE and not blank:
        raise LoadError(f"{name} is a script whose #! line is longer than {HEAD_SIZE} bytes")
    return Script(interpreter, argument.strip(_BLANKS) or None)


def _split(line: bytes) -> tuple[bytes, bytes, bytes]:
    """`line` before, at and behind its first blank."""
    for index, byte in enumerate(line):
        if byte in _BLANKS:
            return line[:index], line[index : index + 1], line[index + 1 :]
    return line, b"", b""
