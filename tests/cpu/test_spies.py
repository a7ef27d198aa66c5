"""The hooks that somebody looks through: to set and drop them changes nothing else."""

from __future__ import annotations

import pytest

from emu.debug import points, stops
from tests.debug.sessions import debug


@pytest.mark.parametrize("name", ["hello_glibc_static_64", "hello_glibc_static_32"])
def test_a_hook_in_the_kernel_can_be_dropped_while_ring_3_runs(name: str) -> None:
    """The engine's own lookup of the kernel's page then is no page fault of the program's."""
    debugger = debug(name)
    debugger.points.add(points.CATCH_RETURN)
    stop = debugger.resume()
    assert (stop.kind, stop.cpl) == (stops.RETURN, 3)
    before = [debugger.read_register(register) for register in ("cr2", "rflags", "rip")]
    debugger.points.clear()
    debugger.points.add(points.BREAK, address=stop.rip)
    debugger.points.clear()
    assert [debugger.read_register(register) for register in ("cr2", "rflags", "rip")] == before
    assert debugger.resume().kind == stops.ENDED
