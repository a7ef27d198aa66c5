"""The documents that gdb reads are well-formed, and say what the registers' rows say."""

from __future__ import annotations

import subprocess
from pathlib import Path
from xml.etree import ElementTree

import pytest

from emu.gdb.description import memory_map, target_xml
from emu.gdb.registers import LAYOUTS, SYSTEM
from tests.gdb.gdb import GDB, needs_gdb

BUILT_IN = {"int", "int32", "int64", "uint32", "uint64", "data_ptr", "code_ptr", "i387_ext"}


@pytest.mark.parametrize("bits", [64, 32])
def test_each_row_is_a_register_of_the_description_in_the_same_order(bits: int) -> None:
    layout = LAYOUTS[bits]
    root = ElementTree.fromstring(target_xml(layout))
    found = [(reg.get("name"), reg.get("bitsize")) for reg in root.iter("reg")]
    assert found == [(row.name, str(row.bits)) for row in layout.rows]
    assert root.findtext("architecture") == layout.architecture


@pytest.mark.parametrize("bits", [64, 32])
def test_every_type_is_gdbs_own_or_defined_in_its_feature(bits: int) -> None:
    for feature in ElementTree.fromstring(target_xml(LAYOUTS[bits])).iter("feature"):
        defined = {one.get("id") for one in feature if one.tag in ("flags", "union", "struct")}
        used = {reg.get("type") for reg in feature.iter("reg")}
        assert used <= defined | BUILT_IN


@pytest.mark.parametrize("bits", [64, 32])
def test_the_system_registers_are_a_feature_of_their_own(bits: int) -> None:
    names = {row.name for row in LAYOUTS[bits].rows if row.feature == SYSTEM}
    assert names >= set(
        "cpl cr0 cr2 cr3 cr4 efer star lstar cstar fmask kernel_gs_base sysenter_cs sysenter_esp "
        "sysenter_eip idtr gdtr tr".split()
    )


@needs_gdb
@pytest.mark.parametrize("bits", [64, 32])
def test_gdb_reads_the_description_and_counts_the_same_bytes(bits: int, tmp_path: Path) -> None:
    assert GDB is not None
    path = tmp_path / "target.xml"
    path.write_bytes(target_xml(LAYOUTS[bits]))
    commands = (f"set tdesc filename {path}", "maint print remote-registers")
    options = [f"-ex={command}" for command in commands]
    said = subprocess.run(
        [GDB, "-q", "-nx", "-batch", *options], capture_output=True, text=True, check=True
    )
    assert "warning" not in said.stderr
    rows = [line.split() for line in said.stdout.splitlines()]
    offsets = {row[0]: int(row[-1]) for row in rows if len(row) == 8 and row[-1].isdigit()}
    at = 0
    for register in LAYOUTS[bits].rows:
        assert offsets[register.name] == at, register.name
        at += register.size
    assert at == LAYOUTS[bits].size


@pytest.mark.parametrize(("bits", "address"), [(64, 0xFFFF_FFFF_8100_0000), (32, 0x8100_0000)])
def test_the_memory_map_holds_what_a_program_and_its_kernel_can_have(
    bits: int, address: int
) -> None:
    places = [
        (int(one.get("start", ""), 16), int(one.get("length", ""), 16))
        for one in ElementTree.fromstring(memory_map(bits)).iter("memory")
    ]
    for place in (0, 0x40_0000, address):
        assert any(start <= place < start + size for start, size in places)
