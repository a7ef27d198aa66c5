"""Every exception that a user meets belongs to one of three families, and says whose it is."""

from __future__ import annotations

from typing import Final

import pytest

from emu import errors
from emu.cli.interrupt import Interrupted
from emu.errors import CallerError, GuestError, OurError, RingscopeError
from kernel_stub.errors import Deadlock, KernelBug, SignalHandlerNeeded

FAMILIES: Final = (CallerError, GuestError, OurError)


@pytest.mark.parametrize(
    ("kind", "family"),
    [
        (errors.UsageError, CallerError),
        (errors.LoadError, CallerError),
        (errors.MemorySizeError, CallerError),
        (errors.OutOfFrames, CallerError),
        (errors.EngineError, CallerError),
        (Interrupted, CallerError),
        (SignalHandlerNeeded, CallerError),
        (errors.Shutdown, GuestError),
        (Deadlock, GuestError),
        (KernelBug, OurError),
    ],
)
def test_an_exception_is_of_one_family_and_no_other(
    kind: type[RingscopeError], family: type[RingscopeError]
) -> None:
    assert [other for other in FAMILIES if issubclass(kind, other)] == [family]


def every_kind(base: type[RingscopeError]) -> set[type[RingscopeError]]:
    below = base.__subclasses__()
    return {base, *below}.union(*map(every_kind, below))


def test_no_exception_is_without_a_family() -> None:
    ours = {kind for kind in every_kind(RingscopeError) if not kind.__module__.startswith("tests")}
    assert {kind for kind in ours if not issubclass(kind, FAMILIES)} == {RingscopeError}
