"""The measured guests are what their sources make."""

from __future__ import annotations

import shutil

import pytest

from bench.guests.build import BINARIES, COMPILER, GUESTS, HERE, compiler, differing


def test_every_guest_has_its_source_and_its_program() -> None:
    for guest in GUESTS:
        assert (HERE / guest.source).is_file()
        assert (BINARIES / guest.name).stat().st_mode & 0o111, guest.name


@pytest.mark.may_skip("another compiler makes other bytes")
def test_the_programs_are_rebuilt_byte_for_byte() -> None:
    if shutil.which("gcc") is None:
        pytest.skip("gcc is not installed")
    if compiler() != COMPILER.read_text().strip():
        pytest.skip(f"another gcc made them: {COMPILER.read_text().strip()}")
    assert differing() == []
