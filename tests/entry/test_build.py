"""The committed images are what their sources build to, and say where everything is."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import Final

import pytest

from emu.watch.disasm import disassemble
from kernel_stub import layout
from kernel_stub.boot import read_image
from kernel_stub.entry import build, constants
from kernel_stub.kallsyms import entry_symbols

SOURCE: Final = (build.HERE / "entry.S").read_text("utf-8")
SYMBOLS: Final = {symbol.name: symbol.address for symbol in entry_symbols()}
TOOLS: Final = ("as", "ld", "objcopy", "nm")

needs_binutils = pytest.mark.skipif(
    not all(map(shutil.which, TOOLS)), reason=f"needs {', '.join(TOOLS)}"
)


@needs_binutils
def test_rebuilding_gives_the_committed_files_byte_for_byte(tmp_path: Path) -> None:
    files = build.build(tmp_path)
    stale = [name for name, made in files.items() if (build.HERE / name).read_bytes() != made]
    assert stale == []


@needs_binutils
def test_the_check_finds_nothing_to_complain_of(capsys: pytest.CaptureFixture[str]) -> None:
    assert build.main(["--check"]) == 0
    assert capsys.readouterr().out == ""


@needs_binutils
def test_the_check_names_the_file_that_is_stale(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    for path in build.HERE.iterdir():
        if path.is_file():
            shutil.copy(path, tmp_path)
    (tmp_path / "entry.bin").write_bytes(b"\x90")
    monkeypatch.setattr(build, "HERE", tmp_path)
    assert build.main(["--check"]) == 1
    assert "entry.bin differs from what its source builds" in capsys.readouterr().out
    assert build.main([]) == 0
    assert (tmp_path / "entry.bin").read_bytes() == read_image("entry")


def test_no_other_file_is_generated_than_is_committed() -> None:
    images = [name for name, *_ in build.IMAGES]
    assert images == ["entry"]
    for name in images:
        assert {(build.HERE / f"{name}.{kind}").exists() for kind in ("S", "bin", "map")} == {True}


# ---- symbols


@pytest.mark.parametrize(("name", "base"), [(row[0], row[3]) for row in build.IMAGES])
def test_symbols_ascend_and_lie_in_their_image(name: str, base: int) -> None:
    addresses = list(SYMBOLS.values())
    assert addresses == sorted(addresses)
    assert addresses[0] == base
    assert all(base <= address <= base + len(read_image(name)) for address in addresses)


def test_the_map_has_the_lines_of_kallsyms() -> None:
    for name, *_ in build.IMAGES:
        for line in (build.HERE / f"{name}.map").read_text().splitlines():
            assert re.fullmatch(r"[0-9a-f]{16} [tT] \w+", line)


def functions_of_the_source() -> list[str]:
    names = re.findall(r"^\s+FUNCTION (\w+)$", SOURCE, flags=re.MULTILINE)
    exceptions = constants.EXCEPTIONS.values()
    return [*names, *(f"asm_exc_{name}" for name in exceptions)]


@pytest.mark.parametrize("name", functions_of_the_source())
def test_every_function_of_the_source_has_a_symbol(name: str) -> None:
    assert name in SYMBOLS


# The names that people grep for: those of Linux, where it has such a function.
@pytest.mark.parametrize(
    "name",
    [
        "entry_SYSCALL_64",
        "entry_SYSCALL_compat",
        "entry_SYSENTER_compat",
        "entry_INT80_compat",
        "syscall_return_via_sysret",
        "swapgs_restore_regs_and_return_to_usermode",
        "native_irq_return_iret",
        "asm_exc_page_fault",
        "do_syscall_64",
    ],
)
def test_the_entries_have_linuxs_names(name: str) -> None:
    assert name in SYMBOLS


def test_every_exception_has_an_entry_of_its_own() -> None:
    names = [f"asm_exc_{name}" for name in constants.EXCEPTIONS.values()]
    assert list(constants.EXCEPTIONS) == list(range(22))
    assert names == [name for name in SYMBOLS if name.startswith("asm_exc_")]


# ---- the code itself


def instructions(symbol: str, until: str) -> list[str]:
    """The disassembled entry code from `symbol` up to `until`."""
    symbols, image = SYMBOLS, read_image("entry")
    start, end = symbols[symbol], symbols[until]
    code = image[start - layout.KERNEL_TEXT : end - layout.KERNEL_TEXT]
    return [text for _, text in disassemble(code, start, long=True)]


@pytest.mark.parametrize(
    ("symbol", "until", "first", "last"),
    [
        ("entry_SYSCALL_64", "syscall_return_via_sysret", "swapgs", None),
        ("syscall_return_via_sysret", "entry_INT80_compat", "pop r15", "sysretq"),
        ("entry_INT80_compat", "entry_SYSENTER_compat", "swapgs", None),
        ("entry_SYSENTER_compat", "sysenter_return_via_sysexit", "swapgs", None),
        ("sysenter_return_via_sysexit", "entry_SYSCALL_compat", "pop r15", "sysexit"),
        ("entry_SYSCALL_compat", "sysret32_from_system_call", "swapgs", None),
        (
            "sysret32_from_system_call",
            "swapgs_restore_regs_and_return_to_usermode",
            "pop r15",
            "sysret",
        ),
        (
            "swapgs_restore_regs_and_return_to_usermode",
            "restore_regs_and_iret",
            "test byte ptr [rsp + 0xa0], 4",
            None,
        ),
        ("restore_regs_and_iret", "return_over_espfix_stack", "pop r15", "iretq"),
        ("return_over_espfix_stack", "ret_from_fork", "mov rsi, rsp", None),
        ("asm_sysvec_apic_timer_interrupt", "exception_in_user", "push -1", None),
        ("exception_in_user", "exception_in_kernel", "swapgs", None),
    ],
)
def test_an_entry_begins_and_a_return_ends_as_it_must(
    symbol: str, until: str, first: str, last: str | None
) -> None:
    code = instructions(symbol, until)
    assert code[0] == first
    assert last is None or code[-1] == last


def test_every_byte_of_the_image_is_an_instruction() -> None:
    image = read_image("entry")
    found = disassemble(image, layout.KERNEL_TEXT, long=True)
    assert found[-1] == (layout.KERNEL_TEXT + len(image) - 1, "ret")


def test_vmcall_stands_only_in_the_functions_that_hand_over() -> None:
    code = instructions("_text", "do_syscall_64")
    assert "vmcall" not in code
    assert instructions("do_syscall_64", "_etext").count("vmcall") == 5


def test_constants_belong_to_the_source_that_includes_them() -> None:
    assert '.include "offsets.inc"' in SOURCE
    assert constants.as_assembly() == (build.HERE / "offsets.inc").read_text("utf-8")
