"""One system call as a line: `name(arguments) = result`, begun before the answer, ended after.

It joins the table with the kinds. Which calls are told and where the line goes, it does not know.
strace(1), "DESCRIPTION".
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final

from kernel_stub.abi.abi import I386, Abi
from kernel_stub.errno import ERESTARTNOHAND, ERESTARTSYS, NAMES, Errno
from kernel_stub.syscalls.socketcall import CALLS
from kernel_stub.trace import (
    commands,
    creation,
    kinds,
    names,
    sockets,
    structures,
    table,
    terminals,
    text,
    waiting,
)
from kernel_stub.trace.kinds import Called, Kind, Later

if TYPE_CHECKING:
    from kernel_stub.task import Task

COLUMN: Final = 39  # where `=` stands, if there is room
LARGEST_ERROR: Final = 4095
F_GET_SEALS: Final = 1034
_STRUCTURES_IN: Final = {**structures.INPUTS, **waiting.INPUTS, **sockets.INPUTS}
_STRUCTURES_OUT: Final = {**structures.OUTPUTS, **waiting.OUTPUTS, **sockets.OUTPUTS}
_INPUTS: Final = {
    **kinds.INPUTS,
    **creation.INPUTS,
    **commands.INPUTS,
    **terminals.INPUTS,
    **_STRUCTURES_IN,
}
_OUTPUTS: Final = {
    **kinds.OUTPUTS,
    **commands.OUTPUTS,
    **terminals.OUTPUTS,
    **_STRUCTURES_OUT,
}
_NUMBERS: Final = frozenset(  # of structures.INPUTS and its like: what is 0 is no null pointer
    kind for kind in _STRUCTURES_IN if not kind.endswith("_in") and kind not in _OUTPUTS
)
_RESTARTS: Final = {
    ERESTARTSYS: "ERESTARTSYS (To be restarted if SA_RESTART is set)",
    ERESTARTNOHAND: "ERESTARTNOHAND (To be restarted if no handler)",
}
KINDS: Final = frozenset({*_INPUTS, *_OUTPUTS})


class CallLine:
    """The line of one call of `task`, whose six registers are `registers`."""

    def __init__(
        self,
        task: Task,
        abi: Abi,
        name: str,
        registers: tuple[int, ...],
        limit: int = 32,
        show_paths: bool = False,
    ) -> None:
        name, registers = _real_call(task, name, registers)
        self.name = name
        known = table.ARGUMENTS.get(name)
        self._kinds = known.split() if known is not None else ["hex"] * 6
        values = _values(self._kinds, registers, abi)
        self._called = Called(task, values, limit, show_paths, name)
        self._parts: list[str | None] = [self._input(i) for i in range(len(self._kinds))]

    def _input(self, i: int) -> str | None:
        """An argument as it is now; None if only the answer fills it."""
        kind = self._kinds[i]
        function = _INPUTS.get(kind)
        if function is None:
            return None
        is_structure = kind in _STRUCTURES_IN and kind not in _NUMBERS
        try:
            return self._written(function, i, is_structure=is_structure)
        except Later:
            return None

    def _written(self, function: Kind, i: int, is_structure: bool) -> str:
        address = text.address(self._called.values[i])
        if is_structure and address == "NULL":
            return address
        try:
            return function(self._called, i)
        except Errno:  # nothing is there
            return address

    def unfinished(self, leader: str = "", is_cut: bool = False) -> str:
        """The line of a call that has no answer: it ended the program. `leader` stands first."""
        parts = [part if part is not None else self._address(i) for i, part in self._all()]
        return _joined(self._call(parts, leader, is_cut), "?")

    def begun(self, leader: str = "") -> str:
        """The first half of the line of a call that waits while others are told."""
        known = [part for part in self._parts[: self._known()] if part]
        more = ", " if self._known() < len(self._parts) and known else ""
        return f"{leader}{self.name}({', '.join(known)}{more} <unfinished ...>"

    def _known(self) -> int:
        """How many arguments are known before the answer."""
        return self._parts.index(None) if None in self._parts else len(self._parts)

    def _call(self, parts: list[str], leader: str, is_cut: bool) -> str:
        """The call with its arguments; those that `begun` told are left out."""
        if is_cut:
            return f"{leader}<... {self.name} resumed>{_arguments(parts[self._known() :])})"
        return f"{leader}{self.name}({_arguments(parts)})"

    def _all(self) -> list[tuple[int, str | None]]:
        return list(enumerate(self._parts))

    def _address(self, i: int) -> str:
        if i in self._called.noted:
            return f"[{self._called.noted[i]}]"
        return self._called.shown.get(i) or text.address(self._called.values[i])

    def ended(self, rax: int, leader: str = "", is_cut: bool = False) -> str:
        """The whole line, once the kernel left `rax`; `is_cut`: what `begun` left of it."""
        result = kinds.signed(rax, 64)
        failed = -LARGEST_ERROR <= result < 0
        self._called.result = result
        parts = []
        for i, part in self._all():
            if part is None and failed:
                part = self._address(i)
            elif part is None:
                kind = self._kinds[i]
                part = self._written(_OUTPUTS[kind], i, is_structure=kind not in kinds.NUMBERS)
            parts.append(part)
        call = self._call(parts, leader, is_cut)
        return _joined(call, error_text(-result) if failed else self._result(result))

    def _stored(self, i: int) -> int:
        """The number that the kernel stored where argument `i` points to."""
        return int.from_bytes(self._called.read(self._called.values[i], 4), "little")

    def _result(self, result: int) -> str:
        kind = table.RESULTS.get(self.name, table.DECIMAL)
        if kind == table.ADDRESS:
            return f"{result & self._called.task.abi.word_mask:#x}"
        if kind == table.OCTAL:
            return text.octal(result)
        if kind == table.DESCRIPTOR:
            return kinds.descriptor(self._called, result)
        if kind == table.ENTRY:
            return f"{result} (entry_number={self._stored(0)})"
        if kind == table.POLLED:
            return waiting.polled(self._called)
        if kind == table.SELECTED:
            return waiting.selected(self._called)
        if kind == table.FLAGS:
            return _flags_of_fcntl(self._called.values[1], result)
        return "?" if kind == table.NOTHING else str(result)


def _real_call(task: Task, name: str, registers: tuple[int, ...]) -> tuple[str, tuple[int, ...]]:
    """What socketcall(2) stands for: the call, and its arguments from memory."""
    if name != "socketcall" or registers[0] not in CALLS:
        return name, registers
    meant, count = CALLS[registers[0]]
    try:
        values = task.memory.unpack(I386.words(count), registers[1])
    except Errno:
        return name, registers
    return meant, (*values, *(0,) * (6 - count))


def _values(wanted: list[str], registers: tuple[int, ...], abi: Abi) -> tuple[int, ...]:
    """The arguments; one of 64 bits stands in two registers of a 32-bit ABI."""
    rest = [register & abi.word_mask for register in registers]
    values = []
    for kind in wanted:
        value = rest.pop(0) if rest else 0
        if kind == table.SPLIT or (kind == table.WIDE and abi.word == 4):
            high = rest.pop(0) if rest else 0
            value |= high << 32 if abi.word == 4 else 0
        values.append(value)
    return tuple(values)


def _arguments(parts: list[str]) -> str:
    return ", ".join(part for part in parts if part)


def _joined(call: str, result: str) -> str:
    return f"{call:<{COLUMN}} = {result}"


def error_text(number: int) -> str:
    """`-1 ENOENT (No such file or directory)`; `? ERESTARTSYS (...)` of an interrupted call."""
    if number in _RESTARTS:
        return f"? {_RESTARTS[number]}"
    return f"-1 {NAMES.get(number, number)} ({os.strerror(number)})"


def _flags_of_fcntl(command: int, result: int) -> str:
    if command == 1 and result:  # F_GETFD
        return f"{result:#x} (flags {text.bits(result, names.FD)})"
    if command == F_GET_SEALS and result:
        return f"{result:#x} (seals {text.bits(result, names.SEAL)})"
    if command == 3:  # F_GETFL
        return f"{result:#x} (flags {kinds.open_flags(result)})"
    return str(result)
