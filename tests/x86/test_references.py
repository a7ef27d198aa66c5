"""The references of the table are those that a delivery makes, in its order and of its size."""

from __future__ import annotations

from typing import Any

import pytest

from emu.x86 import crossings, references
from emu.x86.references import READ, WRITE
from tests.cpu.assembler import code
from tests.cpu.machine_builder import GDT_BASE, IDT_BASE, KERNEL_CS, RSP0, TSS_BASE, Guest


class Spy:
    """Notes each word that a delivery reads, and each write, and passes it on."""

    def __init__(self, translations: Any) -> None:
        self.translations = translations
        self.made: list[tuple[str, int, int]] = []

    def read_word(self, cr3: int, address: int) -> int:
        self.made.append((READ, address, 8))
        return int(self.translations.read_word(cr3, address))

    def use_smap(self, on: bool) -> None:
        self.translations.use_smap(on)

    def write(self, cr3: int, address: int, content: bytes) -> None:
        self.made.append((WRITE, address, len(content)))
        self.translations.write(cr3, address, content)


def spied(source: bytes) -> list[tuple[str, int, int]]:
    guest = Guest()
    spy = Spy(guest.machine.processor._delivery.translations)
    guest.machine.processor._delivery.translations = spy  # type: ignore[assignment]  # it does what is asked of one
    guest.cross(source)
    return spy.made


@pytest.mark.parametrize(
    ("source", "mechanism", "vector", "has_error_code"),
    [
        ("int 0x80", crossings.INT80, 0x80, False),
        ("ud2", crossings.FAULT, 6, False),
        ("hlt", crossings.FAULT, 13, True),
    ],
)
def test_a_delivery_refers_to_what_the_table_says(
    source: str, mechanism: str, vector: int, has_error_code: bool
) -> None:
    made = spied(code(source))
    rows = references.entering(mechanism, has_error_code)
    reads, writes = ([m for m in made if m[0] == kind] for kind in (READ, WRITE))
    assert [address for _, address, _ in reads] == [
        IDT_BASE + 16 * vector,
        IDT_BASE + 16 * vector + 8,
        GDT_BASE + KERNEL_CS,
        TSS_BASE + 4,
    ]
    size = sum(row.size for row in rows if row.access == WRITE)
    assert writes == [(WRITE, RSP0 - size, size)]
    assert sum(row.times for row in rows if row.access == READ) == len(reads)
    assert references.total(rows) == (len(reads) + size // 8, 8 * len(reads) + size)


@pytest.mark.parametrize("source", ["syscall", "sysenter"])
def test_a_fast_entry_refers_to_nothing(source: str) -> None:
    assert spied(code(source)) == []
    assert references.entering(source) == references.returning(source) == []


def test_iret_reads_what_the_gate_wrote() -> None:
    written = sum(r.size for r in references.entering(crossings.INT80) if r.access == WRITE)
    frame = references.returning(crossings.INT80)[0]
    assert (frame.access, frame.size) == (READ, written)


def test_every_way_in_has_a_way_out() -> None:
    assert references.WAYS_IN.keys() == references.WAYS_OUT.keys()
    names = {row.name for row in crossings.RETURNS}
    assert set(references.WAYS_OUT.values()) <= names


def test_no_reference_is_longer_than_eight_bytes() -> None:
    for row in (*references.REFERENCES, references.ERROR_CODE):
        assert row.size == 8 * row.times
