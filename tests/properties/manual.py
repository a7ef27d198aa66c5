"""The delivery of an interrupt or exception as the manual lists its steps, and nothing else.

This is the oracle of test_delivery.py: it reads the tables as bytes, computes what the first
instruction of the handler must find, and runs nothing. It shares no code with emu/cpu/traps.py and
takes no field's place from emu/x86.
SDM 2A, "INT n/INTO/INT3/INT1", Operation; SDM 3A, "64-Bit Mode IDT", "64-Bit Mode Stack Frame",
"Stack Switching in IA-32e Mode", "Interrupt 8: Double Fault Exception (#DF)", "Error Code"; SDM 3B,
"Instruction-Breakpoint Exception Condition" (what is pushed for RF).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, NamedTuple

# The manual's Table "Interrupt and Exception Classes".
CONTRIBUTORY_VECTORS: Final = {0, 10, 11, 12, 13}
FAULTS: Final = {0, 5, 6, 7, 10, 11, 12, 13, 14, 16, 17, 19}
PUSHES_A_CODE: Final = {8, 10, 11, 12, 13, 14, 17}

TF, IF, NT, RF, VM = 1 << 8, 1 << 9, 1 << 14, 1 << 16, 1 << 17
_64_BIT_GATES: Final = {14: IF, 15: 0}  # type: what else it clears
_LAST: Final = (1 << 64) - 1


class Tables(NamedTuple):
    """What memory holds. A limit is that of the register; `may_write` asks for (page, by ring 3).

    `may_write` answers None or the error code of the page fault.
    """

    idt: Callable[[int], int]
    idt_limit: int
    gdt: bytes
    gdt_limit: int
    ldt: bytes
    ldt_limit: int
    tss: bytes
    tss_limit: int
    tss_selector: int
    may_write: Callable[[int, bool], int | None]


class Interrupted(NamedTuple):
    """The code that is left."""

    cpl: int
    rip: int
    rsp: int
    rflags: int
    cs: int
    ss: int


class Event(NamedTuple):
    """`software`: by INT n, INT3 or INTO. `rip` is what a frame saves."""

    vector: int
    code: int | None
    rip: int
    software: bool


class Arrival(NamedTuple):
    """The first instruction of the handler. `raised` lists what came in between: vector, code."""

    vector: int
    cpl: int
    rip: int
    rsp: int
    rflags: int
    cs: int
    ss: int
    frame: tuple[int, ...]
    raised: tuple[tuple[int, int], ...]


class Shutdown(NamedTuple):
    """No arrival. `vectors`: what was to be delivered, in order, and what ended it."""

    vectors: tuple[int, ...]


class _Raised(Exception):
    def __init__(self, vector: int, code: int) -> None:
        super().__init__(vector, code)
        self.vector, self.code = vector, code


def _bits(number: int, low: int, count: int) -> int:
    return number >> low & (1 << count) - 1


def _canonical(address: int) -> bool:
    return address >> 47 in (0, 0x1FFFF)


def outcome(tables: Tables, left: Interrupted, event: Event) -> Arrival | Shutdown:
    """Deliver; what is raised meanwhile is delivered instead, or is a double fault, or the end."""
    raised: list[tuple[int, int]] = []
    vectors = [event.vector]
    while True:
        try:
            return _deliver(tables, left, event, tuple(raised))
        except _Raised as second:
            vectors.append(second.vector)
            raised.append((second.vector, second.code))
            if event.vector == 8 and not event.software:
                return Shutdown(tuple(vectors))
            if _is_double(event, second.vector):
                vectors[-1] = 8
                event = Event(8, 0, left.rip, software=False)
            else:
                event = Event(second.vector, second.code, left.rip, software=False)


def _is_double(first: Event, second: int) -> bool:
    if first.software:
        return False
    if first.vector in CONTRIBUTORY_VECTORS:
        return second in CONTRIBUTORY_VECTORS
    return first.vector == 14 and (second in CONTRIBUTORY_VECTORS or second == 14)


def _deliver(
    tables: Tables, left: Interrupted, event: Event, raised: tuple[tuple[int, int], ...]
) -> Arrival:
    ext = 0 if event.software else 1
    gate = _gate(tables, left, event, ext)
    selector, cpl = _code_segment(tables, left, _bits(gate, 16, 16), ext)
    rsp = _new_stack(tables, left, _bits(gate, 32, 3), cpl, ext)
    rip = _bits(gate, 0, 16) | _bits(gate, 48, 48) << 16
    if not _canonical(rip):
        raise _Raised(13, ext)
    frame = _frame(left, event)
    rsp = (rsp & ~15) - 8 * len(frame) & _LAST
    if not _canonical(rsp):
        raise _Raised(12, ext)
    for address in (rsp + 8 * len(frame) - 8 & _LAST, rsp):  # pushed from the top down
        code = tables.may_write(address & ~4095, cpl == 3)
        if code is not None:
            raise _Raised(14, code)
    cleared = TF | NT | RF | VM | _64_BIT_GATES[_bits(gate, 40, 4)]
    ss = left.ss if cpl == left.cpl else cpl
    return Arrival(event.vector, cpl, rip, rsp, left.rflags & ~cleared, selector, ss, frame, raised)


def _gate(tables: Tables, left: Interrupted, event: Event, ext: int) -> int:
    code = event.vector << 3 | 2 | ext
    if event.vector * 16 + 15 > tables.idt_limit:
        raise _Raised(13, code)
    gate = tables.idt(event.vector)
    if _bits(gate, 40, 5) not in _64_BIT_GATES:  # bit 44 is 0 in every gate
        raise _Raised(13, code)
    if event.software and _bits(gate, 45, 2) < left.cpl:
        raise _Raised(13, code)
    if not _bits(gate, 47, 1):
        raise _Raised(11, code)
    return gate


def _code_segment(tables: Tables, left: Interrupted, selector: int, ext: int) -> tuple[int, int]:
    if selector < 4:
        raise _Raised(13, ext)
    code = selector & 0xFFFC | ext
    table, limit = (
        (tables.ldt, tables.ldt_limit) if selector & 4 else (tables.gdt, tables.gdt_limit)
    )
    at = selector & 0xFFF8
    if at + 7 > limit:
        raise _Raised(13, code)
    descriptor = int.from_bytes(table[at : at + 8], "little")
    dpl = _bits(descriptor, 45, 2)
    if _bits(descriptor, 43, 2) != 3 or dpl > left.cpl:  # S, and the code bit of the type
        raise _Raised(13, code)
    if not _bits(descriptor, 47, 1):
        raise _Raised(11, code)
    if _bits(descriptor, 53, 2) != 1:  # L set, D clear
        raise _Raised(13, code)
    conforming = _bits(descriptor, 42, 1)
    cpl = left.cpl if conforming else dpl
    return selector & 0xFFFC | cpl, cpl


def _new_stack(tables: Tables, left: Interrupted, ist: int, cpl: int, ext: int) -> int:
    if ist or cpl != left.cpl:
        at = 28 + 8 * ist if ist else 4 + 8 * cpl
        if at + 7 > tables.tss_limit:
            raise _Raised(10, tables.tss_selector & 0xFFFC | ext)
        rsp = int.from_bytes(tables.tss[at : at + 8], "little")
    else:
        rsp = left.rsp
    if not _canonical(rsp):
        raise _Raised(12, ext)
    return rsp


def _frame(left: Interrupted, event: Event) -> tuple[int, ...]:
    """From the lowest address up."""
    if event.software:
        saved = left.rflags & ~RF
    elif event.vector in FAULTS:
        saved = left.rflags | RF
    else:
        saved = left.rflags
    words = (event.rip, left.cs, saved, left.rsp, left.ss)
    if event.vector in PUSHES_A_CODE and not event.software:
        assert event.code is not None
        return (event.code, *words)
    return words
