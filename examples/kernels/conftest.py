"""The tests of these kernels write programs as assembly, so they need an assembler."""

from __future__ import annotations

import pytest

from emu.testing.assembler import NONE, find


@pytest.fixture(autouse=True)
def an_assembler() -> None:
    """Skips a test where there is none."""
    if find() is None:
        pytest.skip(NONE)
