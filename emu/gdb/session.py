"""One client's session: what the client has said so far, and the target it debugs.

Handlers of packets (see packets.py for the table) take a session and the rest of the packet, and
return the reply's body. A session outlives no client. It does not know sockets.
gdb's manual, "Remote Serial Protocol".
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import Enum, auto
from typing import Final

from emu.gdb.codec import PACKET_SIZE, to_hex
from emu.gdb.registers import LAYOUTS
from emu.gdb.target import Stop, Target

OK: Final = b"OK"
UNSUPPORTED: Final = b""
# Two digits that the client shows; gdb's manual leaves their meaning to the stub.
NONSENSE: Final = 0x01  # the packet does not have the form that its name asks for
FAULT: Final = 0x0E  # no such memory
NO_PROGRAM: Final = 0x03  # the program has ended


class PacketError(Exception):
    """The packet is answered with an error: a number, or a sentence where a client shows one."""

    def __init__(self, reason: int | str) -> None:
        super().__init__(reason)
        self.reply = b"E%02x" % reason if isinstance(reason, int) else b"E." + reason.encode()


class Ending(Enum):
    """What becomes of the program once the session is over."""

    OPEN = auto()  # the session goes on
    DETACHED = auto()  # the program runs on, on its own
    KILLED = auto()  # the client ended it


class Values(dict[str, int]):
    """Registers by name, each read when it is first asked for."""

    def __init__(self, read: Callable[[str], int]) -> None:
        super().__init__()
        self._read = read

    def __missing__(self, name: str) -> int:
        value = self[name] = self._read(name)
        return value


class Session:
    """What a client and the stub have agreed on.

    `say` sends text that the client shows to its user, in the middle of a packet's work.
    """

    def __init__(self, target: Target, say: Callable[[bytes], None]) -> None:
        self.target = target
        self.layout = LAYOUTS[target.bits]
        self.features: frozenset[bytes] = frozenset()  # of the client, from qSupported
        self.acknowledges = True
        self.ending = Ending.OPEN
        self.interrupted = False
        self.files: dict[int, bytes] = {}  # open vFile descriptors, and what they show
        self.documents: dict[bytes, bytes] = {}  # qXfer objects that are being read in pieces
        self._say = say
        self._registers = Values(target.read_register)

    def registers(self) -> Mapping[str, int]:
        """The registers' values; each is read once while the target stands still."""
        return self._registers

    def forget(self) -> None:
        """The target may have changed."""
        self._registers.clear()

    def interrupt(self) -> None:
        """The client wants the target to stand still. From any thread."""
        self.interrupted = True
        self.target.interrupt()

    def select(self, thread: int) -> None:
        """Registers and memory are those of `thread` from now on. Raises TargetRefusal."""
        self.forget()
        self.target.select(thread)

    def require_program(self) -> None:
        """Raises PacketError, if the program has ended."""
        if self.target.stop.reason.is_end:
            raise PacketError(NO_PROGRAM)

    def say(self, text: str) -> None:
        """Shows `text` to the client's user."""
        content = text.encode("utf-8", "replace")
        size = PACKET_SIZE // 2 - 1
        for at in range(0, len(content), size):
            self._say(b"O" + to_hex(content[at : at + size]))

    @property
    def stop(self) -> Stop:
        """Why the target stands still."""
        return self.target.stop
