"""A golden file is compared, written when it is asked for, and never by itself."""

from __future__ import annotations

from pathlib import Path

import pytest

from emu.testing import Golden, Guest
from tests.cpu.assembler import code

HERE = Path(__file__).parent


def test_a_text_is_written_and_then_compared(tmp_path: Path) -> None:
    writes = Golden(tmp_path / "golden", "name", update=True)
    writes("one\n")
    writes("two\n", "second")
    assert [path.name for path in writes.written] == ["name.txt", "name-second.txt"]
    compares = Golden(tmp_path / "golden", "name", update=False)
    compares("one\n")
    compares("two\n", "second")
    assert compares.written == []


def test_what_is_the_same_is_not_written_again(tmp_path: Path) -> None:
    Golden(tmp_path, "name", update=True)("one\n")
    again = Golden(tmp_path, "name", update=True)
    again("one\n")
    assert again.written == []


@pytest.mark.parametrize(
    ("kept", "says"),
    [(None, "there is no golden file .*name.txt: run pytest with --update-golden"), ("a\n", "-a")],
)
def test_a_difference_fails_and_nothing_is_written(
    tmp_path: Path, kept: str | None, says: str
) -> None:
    path = tmp_path / "name.txt"
    if kept is not None:
        path.write_text(kept)
    with pytest.raises(AssertionError, match=says):
        Golden(tmp_path, "name", update=False)("b\n")
    assert (path.read_text() if path.exists() else None) == kept


@pytest.mark.parametrize(
    ("program", "bits"), [("int 0x80", 64), ("syscall", 64), ("sysenter", 32), ("xor eax, eax", 32)]
)
def test_the_text_of_a_trap_stays_as_it_is(
    ring3: Guest, golden: Golden, program: str, bits: int
) -> None:
    golden(ring3.code(code(program, bits == 64), bits=bits, rax=39).run_until_trap())
