"""The documents that gdb reads when it attaches: target description and memory map.

They are made from the rows of registers.py; what a register holds is not known here.
gdb's manual, "Target Descriptions", "Memory Map Format".
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import groupby
from typing import Final

from emu.gdb.registers import Layout, Register
from emu.x86 import flags, msrs, registers

_MXCSR: Final = (
    *enumerate(("IE", "DE", "ZE", "OE", "UE", "PE", "DAZ", "IM", "DM", "ZM", "OM", "UM", "PM")),
    (15, "FZ"),
)
_VECTORS: Final = (
    ("v4f", "ieee_single", 4),
    ("v2d", "ieee_double", 2),
    ("v16i8", "int8", 16),
    ("v8i16", "int16", 8),
    ("v4i32", "int32", 4),
    ("v2i64", "int64", 2),
)
_USER_HALF: Final = {64: 1 << 47, 32: 1 << 32}
_KERNEL_HALF: Final = (1 << 64) - (1 << 47)


def target_xml(layout: Layout) -> bytes:
    """The target description of `layout`."""
    features = [
        _feature(name, list(rows))
        for name, rows in groupby(layout.rows, key=lambda row: row.feature)
    ]
    lines = [
        '<?xml version="1.0"?>',
        '<!DOCTYPE target SYSTEM "gdb-target.dtd">',
        "<target>",
        f"<architecture>{layout.architecture}</architecture>",
        "<osabi>GNU/Linux</osabi>",
        *features,
        "</target>",
    ]
    return "\n".join(lines).encode("ascii")


def _feature(name: str, rows: list[Register]) -> str:
    wanted = {row.type for row in rows}
    types = [xml for type, xml in TYPES.items() if type in wanted]
    lines = []
    for row in rows:
        group = f' group="{row.group}"' if row.group else ""
        lines.append(f'<reg name="{row.name}" bitsize="{row.bits}" type="{row.type}"{group}/>')
    return "\n".join([f'<feature name="{name}">', *types, *lines, "</feature>"])


def _flags(type: str, size: int, bits: Iterable[tuple[int, str]]) -> str:
    """A type whose set bits gdb shows by name."""
    fields = "".join(f'<field name="{name}" start="{at}" end="{at}"/>' for at, name in bits)
    return f'<flags id="{type}" size="{size}">{fields}</flags>'


def _named(module: object, prefix: str) -> list[tuple[int, str]]:
    """The bits that `module` calls PREFIX_NAME."""
    names = vars(module).items()
    found = [(n[len(prefix) :], bit) for n, bit in names if n.startswith(prefix)]
    return sorted((bit.bit_length() - 1, name) for name, bit in found)


def _vector() -> str:
    parts = [f'<vector id="{name}" type="{of}" count="{n}"/>' for name, of, n in _VECTORS]
    fields = [f'<field name="{name}" type="{name}"/>' for name, _, _ in _VECTORS]
    union = ['<union id="vec128">', *fields, '<field name="uint128" type="uint128"/>', "</union>"]
    return "\n".join([*parts, *union])


def memory_map(bits: int) -> bytes:
    """All memory that a program and its kernel can have: what is there now changes all the time."""
    places = [(0, _USER_HALF[bits])]
    if bits == 64:
        places.append((_KERNEL_HALF, (1 << 64) - _KERNEL_HALF - 1))
    rows = [f'<memory type="ram" start="{at:#x}" length="{size:#x}"/>' for at, size in places]
    lines = [
        '<?xml version="1.0"?>',
        '<!DOCTYPE memory-map PUBLIC "+//IDN gnu.org//DTD GDB Memory Map V1.0//EN"',
        '  "http://sourceware.org/gdb/gdb-memory-map.dtd">',
        "<memory-map>",
        *rows,
        "</memory-map>",
    ]
    return "\n".join(lines).encode("ascii")


# The types that are not gdb's own, by the name that a row uses.
TYPES: Final = {
    "i386_eflags": _flags(
        "i386_eflags",
        4,
        [(bit.bit_length() - 1, name) for name, bit in flags.NAMES.items()],
    ),
    "vec128": _vector(),
    "i386_mxcsr": _flags("i386_mxcsr", 4, _MXCSR),
    "ringscope_cr0": _flags("ringscope_cr0", 8, _named(registers, "CR0_")),
    "ringscope_cr4": _flags("ringscope_cr4", 8, _named(registers, "CR4_")),
    "ringscope_efer": _flags("ringscope_efer", 8, _named(msrs, "EFER_")),
    "ringscope_table": '<struct id="ringscope_table">'
    '<field name="base" type="uint64"/><field name="limit" type="uint32"/></struct>',
}
