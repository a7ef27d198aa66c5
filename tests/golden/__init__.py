"""Golden states as records: what a real kernel and a real processor did.

README.md beside it says where they come from; nothing in them is computed by ringscope.
"""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any, Final, NamedTuple

from emu.cpu.state import Segment
from emu.x86.registers import GPRS, SEGMENTS

HERE: Final = Path(__file__).parent
VENDORS: Final = {"haswell_default": "intel", "epyc_default": "amd"}


class State(NamedTuple):
    """The processor between two instructions. `stack` is what lies at RSP, lowest address first."""

    registers: tuple[int, ...]
    rip: int
    rflags: int
    cpl: int
    selectors: dict[str, int]
    cs: Segment
    ss: Segment
    stack: tuple[int, ...]

    def gpr(self, name: str) -> int:
        """The general register `name`."""
        return self.registers[GPRS.index(name)]


class Crossing(NamedTuple):
    """One instruction of ring 3, the first instruction of each kernel entry that followed, and the
    first instruction of ring 3 after the kernel had returned (None where it did not).
    """

    model: str
    name: str
    instruction: str
    before: State
    entries: tuple[State, ...]
    symbols: tuple[str, ...]
    after: State | None


@cache
def read(name: str) -> dict[str, Any]:
    """The file `name` as it is."""
    contents: dict[str, Any] = json.loads((HERE / f"{name}.json").read_text("utf-8"))
    return contents


def number(text: str) -> int:
    """A number of the files: hexadecimal, with or without its prefix."""
    return int(text, 16)


def machine(model: str) -> dict[str, Any]:
    """MSRs, GDT, IDT, TSS and control registers of that boot."""
    tables: dict[str, Any] = read("crossings")[model]["machine"]
    return tables


def crossings() -> list[Crossing]:
    """Every event of both models."""
    return [
        _crossing(model, name, event)
        for model in VENDORS
        for name, event in read("crossings")[model]["events"].items()
    ]


def _crossing(model: str, name: str, event: dict[str, Any]) -> Crossing:
    if "entry" in event:
        entries, symbols = [event["entry"]], [event["entry_symbol"]]
    else:
        entries, symbols = event["stops"], [stop["where"] for stop in event["stops"]]
    states = tuple(map(state, entries))
    after = state(event["post"]) if "post" in event else None
    return Crossing(model, name, event["insn"], state(event["pre"]), states, tuple(symbols), after)


def state(values: dict[str, Any]) -> State:
    """One captured state."""
    selectors = {name: number(values[name]) for name in SEGMENTS}
    return State(
        registers=tuple(number(values[name]) for name in GPRS),
        rip=number(values["rip"]),
        rflags=number(values["eflags"]),
        cpl=values["cpl"],
        selectors=selectors,
        cs=_segment(selectors["cs"], values["cs_cache"]),
        ss=_segment(selectors["ss"], values["ss_cache"]),
        stack=tuple(map(number, values["stack"])),
    )


def _segment(selector: int, cache_of: dict[str, str]) -> Segment:
    base, limit, flags = (number(cache_of[name]) for name in ("base", "limit", "flags"))
    return Segment(selector, base, limit, flags)
