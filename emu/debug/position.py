"""A point of a run: between which two instructions.

Faults do not retire, so the number of instructions alone does not tell the point in front of a
fault from the one behind it: the number of crossings does.
"""

from __future__ import annotations

from typing import NamedTuple


class Position(NamedTuple):
    """Instructions retired so far (user and kernel), and crossings into ring 0 so far."""

    instructions: int
    crossings: int
