"""Stop replies: what the client is told when the target stands still.

A target that stands still after a step says signal 5 (SIGTRAP), never "running". Reasons are named
only as far as the client knows the word. It runs nothing.
gdb's manual, "Stop Reply Packets".
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Final

from emu.gdb.registers import Layout
from emu.gdb.signals import gdb_signal
from emu.gdb.target import Reason, Stop

SIGINT, SIGTRAP = 2, 5

# The word for each reason; {} is the stop's value. Without a word it is a plain SIGTRAP.
WORDS: Final[Mapping[Reason, str]] = {
    Reason.SWBREAK: "swbreak:;",
    Reason.HWBREAK: "hwbreak:;",
    Reason.WATCH_WRITE: "watch:{:x};",
    Reason.WATCH_READ: "rwatch:{:x};",
    Reason.WATCH_ACCESS: "awatch:{:x};",
    Reason.SYSCALL_ENTRY: "syscall_entry:{:x};",
    Reason.SYSCALL_RETURN: "syscall_return:{:x};",
    Reason.HISTORY_BEGIN: "replaylog:begin;",
    Reason.HISTORY_END: "replaylog:end;",
}
# What a client must have said in qSupported to be told.
NEGOTIATED: Final[Mapping[Reason, bytes]] = {
    Reason.SWBREAK: b"swbreak+",
    Reason.HWBREAK: b"hwbreak+",
}


def stop_reply(
    stop: Stop, layout: Layout, values: Mapping[str, int], features: Collection[bytes]
) -> bytes:
    """The reply for `stop` to a client with `features`; `values` are the registers."""
    if stop.reason is Reason.EXITED:
        return b"W%02x" % (stop.value & 0xFF)
    if stop.reason is Reason.KILLED:
        return b"X%02x" % gdb_signal(stop.value)
    word = WORDS.get(stop.reason, "")
    wanted = NEGOTIATED.get(stop.reason)
    if wanted is not None and wanted not in features:
        word = ""
    text = word.format(stop.value) + f"thread:{stop.thread:x};" + _expedited(layout, values)
    return b"T%02x%b" % (_signal(stop), text.encode("ascii"))


def _signal(stop: Stop) -> int:
    if stop.reason is Reason.SIGNAL:
        return gdb_signal(stop.value)
    return SIGINT if stop.reason is Reason.INTERRUPTED else SIGTRAP


def _expedited(layout: Layout, values: Mapping[str, int]) -> str:
    """The registers that a client asks for after each stop, to spare it the question."""
    parts = []
    for name in (layout.pc, layout.sp, layout.fp):
        number = layout.number(name)
        content = values[name].to_bytes(layout.rows[number].size, "little")
        parts.append(f"{number:x}:{content.hex()};")
    return "".join(parts)
