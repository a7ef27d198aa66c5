"""The line discipline of a terminal: what becomes of typed bytes, and of written ones.

Bytes go in, and lines, echoes and signals come out; whom they concern, terminals.py knows.
termios(3): "Canonical and noncanonical mode", the flags of c_iflag, c_oflag and c_lflag.
"""

from __future__ import annotations

from collections import deque
from struct import Struct
from typing import Final

TERMIOS: Final = Struct("<4IB19s")  # the kernel's struct termios: flags, line, cc
INTR, QUIT, ERASE, KILL, EOF, TIME, MIN = range(7)
START, STOP, SUSP, EOL, _REPRINT, _DISCARD, WERASE, LNEXT, EOL2 = range(8, 17)
ISTRIP, INLCR, IGNCR, ICRNL = 0x20, 0x40, 0x80, 0x100
OPOST, ONLCR, OCRNL = 0x1, 0x4, 0x8
ISIG, ICANON, ECHO, ECHOE, ECHOK, ECHONL, NOFLSH = 0x1, 0x2, 0x8, 0x10, 0x20, 0x40, 0x80
ECHOCTL, ECHOKE, IEXTEN = 0x200, 0x800, 0x8000
CONTROLS: Final = b"\3\x1c\x7f\x15\4\0\1\0\x11\x13\x1a\0\x12\x0f\x17\x16\0\0\0"
LOCAL: Final = ISIG | ICANON | ECHO | ECHOE | ECHOK | ECHOCTL | ECHOKE | IEXTEN
# What a terminal starts with: ICRNL and IXON; OPOST and ONLCR; 38400 bauds, CS8, CREAD.
DEFAULTS: Final = (0x500, 0x5, 0xBF, LOCAL, 0, CONTROLS)
SIGNALS: Final = ((INTR, 2), (QUIT, 3), (SUSP, 20))  # SIGINT, SIGQUIT, SIGTSTP
MOST: Final = 4096
_ERASED: Final = b"\b \b"


class Settings:
    """The flags and control characters of one terminal."""

    def __init__(self) -> None:
        self.input, self.output, self.control, self.local, self.line, self.chars = DEFAULTS

    def packed(self) -> bytes:
        """struct termios."""
        return TERMIOS.pack(
            self.input, self.output, self.control, self.local, self.line, self.chars
        )

    def unpack(self, data: bytes) -> None:
        fields = TERMIOS.unpack(data)
        self.input, self.output, self.control, self.local, self.line, self.chars = fields

    def is_char(self, byte: int, *which: int) -> bool:
        """Whether `byte` is one of these control characters; 0 stands for none."""
        return byte != 0 and any(self.chars[char] == byte for char in which)


class Discipline:
    """One terminal's bytes: `lines` to be read, the line being typed, and `echo` to be shown."""

    def __init__(self) -> None:
        self.settings = Settings()
        self.lines: deque[bytes] = deque()  # each with its end; b"": an end of file
        self.typed = bytearray()
        self.echo = bytearray()
        self._is_literal = False

    @property
    def is_canonical(self) -> bool:
        return bool(self.settings.local & ICANON)

    @property
    def readable(self) -> int:
        """How many bytes can be read."""
        ready = sum(len(line) for line in self.lines)
        return ready if self.is_canonical else ready + len(self.typed)

    def set(self, data: bytes) -> None:
        """TCSETS: what was typed so far counts as it then is."""
        self.settings.unpack(data)
        if not self.is_canonical:
            self.typed[:0] = b"".join(self.lines)
            self.lines.clear()

    def flush(self) -> None:
        """TCIFLUSH."""
        self.lines.clear()
        self.typed.clear()

    # ---- what is typed

    def type(self, byte: int) -> int:
        """One byte is typed; returns the signal that it stands for, or 0."""
        settings = self.settings
        if self._is_literal:
            self._is_literal = False
            self.typed.append(byte)
            self._spell(byte)
            return 0
        if settings.input & ISTRIP:
            byte &= 0x7F
        if byte == 0x0D and settings.input & IGNCR:
            return 0
        swaps = {0x0D: (ICRNL, 0x0A), 0x0A: (INLCR, 0x0D)}
        flag, other = swaps.get(byte, (0, byte))
        byte = other if settings.input & flag else byte
        signal = self._signal(byte)
        if signal:
            self._show(byte)
            if not settings.local & NOFLSH:
                self.flush()
        elif settings.local & ICANON:
            self._edit(byte)
        else:
            self._keep(byte)
        return signal

    def _signal(self, byte: int) -> int:
        if not self.settings.local & ISIG:
            return 0
        found = (signal for char, signal in SIGNALS if self.settings.is_char(byte, char))
        return next(found, 0)

    def _edit(self, byte: int) -> None:
        """Canonical mode: a byte of the line, or an order about it."""
        settings = self.settings
        extended = settings.local & IEXTEN
        if settings.is_char(byte, ERASE):
            self._erase(1)
        elif settings.is_char(byte, KILL):
            self._erase(len(self.typed))
            if settings.local & ECHOK and not settings.local & ECHOKE:
                self.echo += b"\n"
        elif extended and settings.is_char(byte, WERASE):
            words = self.typed.rstrip(b" \t")
            self._erase(len(self.typed) - max(words.rfind(b" "), words.rfind(b"\t")) - 1)
        elif extended and settings.is_char(byte, LNEXT):
            self._is_literal = True
            if settings.local & ECHO and settings.local & ECHOCTL:
                self.echo += b"^\b"
        elif settings.is_char(byte, EOF):
            self._end()
        elif byte == 0x0A or settings.is_char(byte, EOL, EOL2):
            self.typed.append(byte)
            self._show(byte)
            self._end()
        else:
            self._keep(byte)

    def _keep(self, byte: int) -> None:
        if len(self.typed) < MOST:
            self.typed.append(byte)
            self._show(byte)

    def _end(self) -> None:
        """The line is complete."""
        self.lines.append(bytes(self.typed))
        self.typed.clear()

    def _erase(self, count: int) -> None:
        """Takes bytes off the end of the line; those that go on a UTF-8 character go along."""
        for byte in reversed(self.typed[len(self.typed) - count :]):
            self.typed.pop()
            if self.settings.local & ECHO and self.settings.local & ECHOE:
                self.echo += _ERASED * (2 if byte < 0x20 and byte != 9 else 1)

    def _show(self, byte: int) -> None:
        local = self.settings.local
        if byte == 0x0A:
            if local & (ECHO | ECHONL):
                self.echo += self.written(b"\n")
        elif byte == 9 and local & ECHO:
            self.echo.append(byte)
        else:
            self._spell(byte)

    def _spell(self, byte: int) -> None:
        """Shows a byte; of a control character, its name."""
        local = self.settings.local
        if not local & ECHO:
            return
        is_spelled = (byte < 0x20 or byte == 0x7F) and local & ECHOCTL
        self.echo += bytes((0x5E, byte ^ 0x40)) if is_spelled else bytes((byte,))

    # ---- what is written and read

    def written(self, data: bytes) -> bytes:
        """What a program wrote, as it is shown."""
        output = self.settings.output
        if not output & OPOST:
            return data
        if output & OCRNL:
            data = data.replace(b"\r", b"\n")
        return data.replace(b"\n", b"\r\n") if output & ONLCR else data

    def has_input(self, least: int) -> bool:
        """Whether a reader need not wait: a line, or `least` bytes."""
        return bool(self.lines) if self.is_canonical else len(self.typed) >= least

    def take(self, size: int) -> bytes:
        """At most `size` bytes: of one line, or of what was typed."""
        if not self.is_canonical:
            data = bytes(self.typed[:size])
            del self.typed[:size]
            return data
        line = self.lines.popleft()
        if len(line) > size:
            self.lines.appendleft(line[size:])
        return line[:size]

    def take_echo(self) -> bytes:
        """What is to be shown of what was typed."""
        echo = bytes(self.echo)
        self.echo.clear()
        return echo
