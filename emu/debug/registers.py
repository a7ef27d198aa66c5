"""Every register by name: how it is read, how wide it is, and what may be written to it.

The heart is a table: a row for each register, so that completion, `info registers`, expressions
and the remote protocol know the same names. A write that a processor would refuse, or that no
program could make sense of, is refused with a reason. SDM 3A, "System Architecture Overview".
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, NamedTuple

from emu.cpu.engine import Engine
from emu.cpu.traps import loaded_segment
from emu.errors import UsageError
from emu.memory import walk
from emu.x86 import descriptors, flags, msr_table, msrs, registers
from emu.x86.paging import ADDRESS_MASK, is_canonical
from emu.x86.registers import CS, FS, GDTR, GS, IDTR, LDTR, SEGMENTS, SS, TR

_MASK64: Final = (1 << 64) - 1
_RIP: Final = 16
_WRITABLE_FLAGS: Final = (1 << 22) - 1 & ~flags.VM & ~(1 << 15 | 1 << 5 | 1 << 3)

GENERAL, FLAGS, SEGMENT, CONTROL, MSR, TABLE, VECTOR, FLOAT, LEVEL = (
    "general flags segment control msr table vector float level".split()
)


class Refused(UsageError):
    """The register cannot hold that value here; the sentence says why."""


class Register(NamedTuple):
    """One register. `write` raises Refused; None where nothing may be written."""

    name: str
    bits: int
    group: str
    read: Callable[[Engine], int]
    write: Callable[[Engine, int], None] | None
    why_not: str = ""


def _general(name: str, number: int) -> Register:
    def write(engine: Engine, value: int) -> None:
        engine.state.words[number] = value
        engine.state.store()

    return Register(name, 64, GENERAL, lambda engine: engine.state.words[number], write)


def _part(name: str, part: registers.Part) -> Register:
    number = registers.GPRS.index(part.whole)

    def write(engine: Engine, value: int) -> None:
        words = engine.state.words
        if part.mask == 0xFFFF_FFFF:
            words[number] = value  # as a 32-bit result does
        else:
            words[number] = words[number] & ~(part.mask << part.shift) | value << part.shift
        engine.state.store()

    return Register(
        name,
        part.mask.bit_length(),
        GENERAL,
        lambda engine: engine.state.words[number] >> part.shift & part.mask,
        write,
    )


def _write_rip(engine: Engine, value: int) -> None:
    state = engine.state
    if not state.in_64bit_mode and value > 0xFFFF_FFFF:
        raise Refused(f"rip cannot be {value:#x}: 32-bit code ends at 4 GiB")
    _must_be_canonical("rip", value)
    state.rip = value
    state.store()


def _write_flags(engine: Engine, value: int) -> None:
    wrong = value & ~_WRITABLE_FLAGS & ~flags.FIXED
    if wrong & flags.VM:
        raise Refused("rflags.VM cannot be set: there is no virtual-8086 mode in long mode")
    if wrong:
        raise Refused(f"rflags has no bits {wrong:#x}")
    engine.state.set_flags(value | flags.FIXED)
    engine.state.store()


def _must_be_canonical(name: str, value: int) -> None:
    if not is_canonical(value):
        raise Refused(f"{name} cannot be {value:#x}: the address is not canonical")


# ---- segment registers


def _write_segment(number: int) -> Callable[[Engine, int], None]:
    name = SEGMENTS[number]

    def write(engine: Engine, value: int) -> None:
        state = engine.state
        cpl = state.cpl
        if number in (CS, SS) and value & descriptors.RPL != cpl:
            raise Refused(
                f"{name} cannot be {value:#x}: its RPL is {value & 3}, and a change of CPL {cpl} "
                "is a crossing, not a write"
            )
        descriptor = _descriptor(engine, name, value) if value & ~descriptors.RPL else 0
        _check_segment(number, name, value, descriptor, cpl)
        segment = loaded_segment(value, descriptor)
        if number in (FS, GS) and not descriptor:
            segment = segment._replace(base=state.segment(number).base)
        state.set_segment(number, segment)
        state.follow_segments(cpl)
        state.store()

    return write


def _check_segment(number: int, name: str, value: int, descriptor: int, cpl: int) -> None:
    fields = descriptors.decode(descriptor)
    is_code = bool(fields.type & descriptors.TYPE_CODE_BIT)
    if not descriptor:
        if number == CS or (number == SS and cpl == 3):
            raise Refused(f"{name} cannot be null here: the next instruction would fault")
    elif not fields.s or not fields.present:
        raise Refused(f"{name} cannot be {value:#x}: that is no segment that is present")
    elif is_code != (number == CS):
        raise Refused(f"{name} cannot be {value:#x}: that is a {_kind(is_code)} segment")
    elif fields.dpl != cpl and number in (CS, SS):
        raise Refused(f"{name} cannot be {value:#x}: its DPL is {fields.dpl}, the CPL {cpl}")
    elif fields.dpl < max(cpl, value & descriptors.RPL):
        raise Refused(f"{name} cannot be {value:#x}: its DPL {fields.dpl} is too privileged")


def _kind(is_code: bool) -> str:
    return "code" if is_code else "data"


def _descriptor(engine: Engine, name: str, selector: int) -> int:
    """The descriptor that `selector` names."""
    state = engine.state
    base, limit = state.table(LDTR if selector & descriptors.TABLE_INDICATOR else GDTR)
    offset = selector & 0xFFF8
    if offset + 7 > limit:
        raise Refused(f"{name} cannot be {selector:#x}: its table ends at {limit:#x}")
    return int.from_bytes(walk.read(engine.physical, state.control(3), base + offset, 8), "little")


# ---- control registers and MSRs


def _write_control(number: int, changeable: int, why: str) -> Callable[[Engine, int], None]:
    def write(engine: Engine, value: int) -> None:
        changed = value ^ engine.state.control(number)
        if changed & ~changeable:
            raise Refused(f"cr{number} cannot be {value:#x}: {why}")
        engine.write_control(number, value)
        engine.state.load()

    return write


def _write_cr2(engine: Engine, value: int) -> None:
    engine.state.set_cr2(value)
    engine.state.store()


def _write_cr3(engine: Engine, value: int) -> None:
    state = engine.state
    try:
        if value & ~ADDRESS_MASK or value >= engine.physical.size:
            raise walk.WalkFault(value, 0)
        walk.physical_address(engine.physical, value, state.rip)
    except walk.WalkFault:
        why = "no tables there map the next instruction"
        raise Refused(f"cr3 cannot be {value:#x}: {why}") from None
    engine.write_cr3(value)
    state.load()


_EFER_CHANGEABLE: Final = msrs.EFER_SCE | msrs.EFER_NXE
_ADDRESSES: Final = (
    *(msrs.LSTAR, msrs.CSTAR, msrs.SYSENTER_ESP, msrs.SYSENTER_EIP),
    *(msrs.FS_BASE, msrs.GS_BASE, msrs.KERNEL_GS_BASE),
)


def _msr(number: int, name: str) -> Register:
    def write(engine: Engine, value: int) -> None:
        if number in _ADDRESSES:
            _must_be_canonical(name, value)
        if number == msrs.EFER and (value ^ engine.read_msr(number)) & ~_EFER_CHANGEABLE:
            raise Refused(f"efer cannot be {value:#x}: only SCE and NXE may change in long mode")
        engine.write_msr(number, value)
        engine.state.load()

    return Register(name, 64, MSR, lambda engine: engine.read_msr(number), write)


# ---- tables, vectors


def _table_rows() -> list[Register]:
    rows = []
    for name, number in (("gdtr", GDTR), ("idtr", IDTR)):
        why = f"{name} is loaded by ring 0 alone: edit the table instead"
        rows += [
            Register(f"{name}_base", 64, TABLE, _table_reader(number, 0), None, why),
            Register(f"{name}_limit", 16, TABLE, _table_reader(number, 1), None, why),
        ]
    for name, number in (("ldtr", LDTR), ("tr", TR)):
        why = f"{name} is loaded by ring 0 alone"
        rows += [
            Register(name, 16, TABLE, _selector_reader(number), None, why),
            Register(f"{name}_base", 64, TABLE, _table_reader(number, 0), None, why),
            Register(f"{name}_limit", 32, TABLE, _table_reader(number, 1), None, why),
        ]
    return rows


def _table_reader(number: int, which: int) -> Callable[[Engine], int]:
    return lambda engine: engine.state.table(number)[which]


def _selector_reader(number: int) -> Callable[[Engine], int]:
    return lambda engine: engine.state.selector(number)


def _by_engine(name: str, bits: int, group: str) -> Register:
    """A register of the floating-point or vector unit, which the engine itself reads."""

    def write(engine: Engine, value: int) -> None:
        engine.write_named(name, value)
        engine.state.load()

    return Register(name, bits, group, lambda engine: engine.read_named(name), write)


def _control_reader(number: int) -> Callable[[Engine], int]:
    return lambda engine: engine.state.control(number)


def _rows() -> list[Register]:
    wrong_cr0 = "only MP, EM, TS, NE, WP and AM may change: PE and PG are long mode itself"
    cr0 = registers.CR0_MP | registers.CR0_EM | registers.CR0_TS | registers.CR0_NE
    cr0 |= registers.CR0_WP | registers.CR0_AM
    wrong_cr4 = "PAE is long mode itself, and what the processor lacks cannot be set"
    cr4 = registers.CR4_TSD | registers.CR4_PGE | registers.CR4_OSFXSR | registers.CR4_OSXMMEXCPT
    no_cpl = "cpl cannot be written: a change of ring is a crossing, so let the program make one"
    return [
        *(_general(name, number) for number, name in enumerate(registers.GPRS)),
        Register("rip", 64, GENERAL, lambda engine: engine.state.words[_RIP], _write_rip),
        Register("rflags", 64, FLAGS, lambda engine: engine.flags(), _write_flags),
        *(
            Register(name, 16, SEGMENT, _selector_reader(number), _write_segment(number))
            for number, name in enumerate(SEGMENTS)
        ),
        Register("cpl", 2, LEVEL, lambda engine: engine.state.cpl, None, no_cpl),
        Register("cr0", 64, CONTROL, _control_reader(0), _write_control(0, cr0, wrong_cr0)),
        Register("cr2", 64, CONTROL, _control_reader(2), _write_cr2),
        Register("cr3", 64, CONTROL, _control_reader(3), _write_cr3),
        Register("cr4", 64, CONTROL, _control_reader(4), _write_control(4, cr4, wrong_cr4)),
        *(_msr(number, name.lower()) for number, name in msr_table.NAMES.items()),
        *_table_rows(),
        *(_by_engine(f"st{number}", 80, FLOAT) for number in range(8)),
        *(_by_engine(name, 16, FLOAT) for name in ("fpcw", "fpsw", "fptag")),
        *(_by_engine(f"xmm{number}", 128, VECTOR) for number in range(16)),
        _by_engine("mxcsr", 32, VECTOR),
    ]


TABLE_OF_REGISTERS: Final[dict[str, Register]] = {row.name: row for row in _rows()}
PARTS: Final[dict[str, Register]] = {
    name: _part(name, part)
    for name, part in registers.parts().items()
    if name not in TABLE_OF_REGISTERS
}
ALIASES: Final = {"pc": "rip", "sp": "rsp", "fp": "rbp", "eflags": "rflags", "eip": "rip"}


def find(name: str) -> Register:
    """The register called `name`, a part of one, or an alias. Raises UsageError."""
    lower = name.lower()
    lower = ALIASES.get(lower, lower)
    row = TABLE_OF_REGISTERS.get(lower) or PARTS.get(lower)
    if row is None:
        raise UsageError(f"no register {name!r}; `info registers` and `info msr` list them")
    return row


def names() -> list[str]:
    """Every name that `find` knows."""
    return sorted([*TABLE_OF_REGISTERS, *PARTS, *ALIASES])


def write(engine: Engine, name: str, value: int) -> None:
    """Writes `value`; negative numbers wrap. Raises Refused, UsageError."""
    row = find(name)
    if row.write is None:
        raise Refused(row.why_not)
    if not -(1 << row.bits - 1) <= value < 1 << row.bits:
        raise Refused(f"{name} has {row.bits} bits and cannot be {value:#x}")
    row.write(engine, value & (1 << row.bits) - 1)
