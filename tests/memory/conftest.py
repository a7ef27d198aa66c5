"""Memory for the tests of this room: as little of it as there can be."""

from __future__ import annotations

import pytest

from emu.memory.physical import MINIMUM_SIZE, PhysicalMemory


@pytest.fixture
def ram() -> PhysicalMemory:
    return PhysicalMemory(MINIMUM_SIZE)
