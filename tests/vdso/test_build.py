"""The committed vDSO images are what their sources build to, and other tools accept them.

Names and versions are those of Linux's images; what the functions do is tested in test_vdso.py.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path
from typing import Final

import pytest
from elftools.elf.dynamic import DynamicSection
from elftools.elf.elffile import ELFFile
from elftools.elf.gnuversions import GNUVerDefSection, GNUVerSymSection
from elftools.elf.sections import SymbolTableSection

from emu.x86.paging import PAGE_SIZE
from kernel_stub.vdso import IMAGES, build, read_image, read_symbols

TOOLS: Final = ("as", "ld", "objcopy", "nm")
LINKERS: Final = {"vdso64": "/lib64/ld-linux-x86-64.so.2", "vdso32": "/lib/ld-linux.so.2"}

needs_binutils = pytest.mark.skipif(
    not all(map(shutil.which, TOOLS)), reason=f"needs {', '.join(TOOLS)}"
)
every_image = pytest.mark.parametrize("name", IMAGES.values())

# vdso(7), and Linux's own version scripts.
EXPORTS: Final = {
    "vdso64": {
        "LINUX_2.6": {
            *("clock_getres", "clock_gettime", "getcpu", "gettimeofday", "time"),
            *("__vdso_clock_getres", "__vdso_clock_gettime", "__vdso_getcpu"),
            *("__vdso_gettimeofday", "__vdso_time"),
        }
    },
    "vdso32": {
        "LINUX_2.5": {"__kernel_vsyscall", "__kernel_sigreturn", "__kernel_rt_sigreturn"},
        "LINUX_2.6": {
            *("__vdso_clock_getres", "__vdso_clock_gettime", "__vdso_clock_gettime64"),
            *("__vdso_getcpu", "__vdso_gettimeofday", "__vdso_time"),
        },
    },
}
SONAMES: Final = {"vdso64": "linux-vdso.so.1", "vdso32": "linux-gate.so.1"}


def path_of(name: str) -> Path:
    return build.HERE / f"{name}.so"


@needs_binutils
def test_rebuilding_gives_the_committed_files_byte_for_byte(tmp_path: Path) -> None:
    assert list(build.stale(build.build(tmp_path), build.HERE)) == []


@needs_binutils
def test_the_check_names_the_file_that_is_stale(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    assert build.main(["--check"]) == 0
    for path in build.HERE.iterdir():
        if path.is_file():
            shutil.copy(path, tmp_path)
    (tmp_path / "vdso64.so").write_bytes(b"\x7fELF")
    monkeypatch.setattr(build, "HERE", tmp_path)
    assert build.main(["--check"]) == 1
    assert "vdso64.so differs from what its source builds" in capsys.readouterr().out
    assert build.main([]) == 0
    assert (tmp_path / "vdso64.so").read_bytes() == read_image("vdso64")


@every_image
def test_the_names_and_versions_are_those_of_linux(name: str) -> None:
    with path_of(name).open("rb") as file:
        elf = ELFFile(file)
        symbols, versions = (
            elf.get_section_by_name(".dynsym"),
            elf.get_section_by_name(".gnu.version"),
        )
        defined = elf.get_section_by_name(".gnu.version_d")
        assert isinstance(symbols, SymbolTableSection)
        assert isinstance(versions, GNUVerSymSection)
        assert isinstance(defined, GNUVerDefSection)
        found: dict[str, set[str]] = {}
        for index, symbol in enumerate(symbols.iter_symbols()):
            number = versions.get_symbol(index).entry["ndx"]
            if isinstance(number, int) and symbol["st_shndx"] != "SHN_ABS":
                version = defined.get_version(number)
                assert version is not None
                _, names = version
                found.setdefault(next(names).name, set()).add(symbol.name)
        dynamic = elf.get_section_by_name(".dynamic")
        assert isinstance(dynamic, DynamicSection)
        sonames = [getattr(tag, "soname", "") for tag in dynamic.iter_tags("DT_SONAME")]
    assert found == EXPORTS[name]
    assert sonames == [SONAMES[name]]


@every_image
def test_the_image_is_mapped_as_it_is_in_one_page(name: str) -> None:
    with path_of(name).open("rb") as file:
        segments = [dict(s.header) for s in ELFFile(file).iter_segments("PT_LOAD")]
    (only,) = segments
    assert (only["p_offset"], only["p_vaddr"], only["p_flags"]) == (0, 0, 5)
    assert len(read_image(name)) <= PAGE_SIZE


@every_image
def test_the_map_lists_symbols_inside_the_image_in_order(name: str) -> None:
    addresses = list(read_symbols(name).values())
    assert addresses == sorted(addresses)
    assert 0 < addresses[0] < addresses[-1] < len(read_image(name))
    for line in (build.HERE / f"{name}.map").read_text().splitlines():
        assert re.fullmatch(r"[0-9a-f]{16} [tTW] \w+", line)


@every_image
def test_nothing_is_left_to_relocate(name: str) -> None:
    with path_of(name).open("rb") as file:
        dynamic = ELFFile(file).get_section_by_name(".dynamic")
        assert isinstance(dynamic, DynamicSection)
        tags = {tag.entry.d_tag for tag in dynamic.iter_tags()}
    assert not tags & {"DT_REL", "DT_RELA", "DT_JMPREL", "DT_TEXTREL", "DT_NEEDED"}
    assert {"DT_HASH", "DT_GNU_HASH", "DT_VERSYM", "DT_VERDEF"} <= tags


@every_image
def test_the_dynamic_linker_takes_it_for_a_library(name: str) -> None:
    if not Path(LINKERS[name]).exists():
        pytest.skip(f"needs {LINKERS[name]}")
    ended = subprocess.run(
        [LINKERS[name], "--list", path_of(name)], capture_output=True, check=True
    )
    assert ended.stdout.decode().split() == ["statically", "linked"]


@pytest.mark.skipif(shutil.which("readelf") is None, reason="needs readelf")
@every_image
def test_readelf_has_nothing_to_warn_of(name: str) -> None:
    ended = subprocess.run(["readelf", "-aW", path_of(name)], capture_output=True, check=True)
    assert ended.stderr == b""
    assert "__vdso_clock_gettime@@LINUX_2.6" in ended.stdout.decode()


@pytest.mark.skipif(shutil.which("gdb") is None, reason="needs gdb")
@every_image
def test_gdb_finds_its_functions(name: str) -> None:
    command = ["gdb", "-batch", "-nx", "-ex", "info functions", str(path_of(name))]
    ended = subprocess.run(command, capture_output=True, check=True)
    assert "getcpu" in ended.stdout.decode()


def test_build_and_kernel_know_the_same_images() -> None:
    assert [image.name for image in build.IMAGES] == list(IMAGES.values())
