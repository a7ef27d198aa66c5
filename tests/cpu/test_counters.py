"""Both counters give the count of retired instructions, whatever a program does to its blocks.

Each scenario of count_scenarios.py runs with the Python counter and with the native one; the native
one also where another block hook takes its fast path away, and with arenas of four slots.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from typing import Final

import pytest

from emu.cpu import counters, hostcode, slot_counter
from emu.cpu.engine import HOOK_BLOCK
from emu.errors import EngineError, UsageError
from emu.x86.paging import PAGE_SIZE, USER, WRITABLE
from emu.x86.registers import RAX
from emu.x86.vectors import PF
from tests.cpu.assembler import code
from tests.cpu.count_scenarios import MAP, SCENARIOS, Scenario
from tests.cpu.machine_builder import COUNTERS, Guest, handler

native_only = pytest.mark.skipif(not hostcode.is_supported(), reason="needs an x86-64 host")
_BLOCK: Final = ctypes.CFUNCTYPE(
    None, ctypes.c_void_p, ctypes.c_uint64, ctypes.c_uint32, ctypes.c_void_p
)
_IGNORE: Final = _BLOCK(lambda *_: None)


def alone(counter: str) -> Callable[[pytest.MonkeyPatch], Guest]:
    return lambda _: Guest(counter=counter)


def with_another_hook(_monkeypatch: pytest.MonkeyPatch) -> Guest:
    guest = Guest(counter="native")
    function = ctypes.cast(_IGNORE, ctypes.c_void_p).value
    assert function is not None
    guest.engine.hook_native(HOOK_BLOCK, function, 0)
    return guest


def with_small_arenas(monkeypatch: pytest.MonkeyPatch) -> Guest:
    monkeypatch.setattr(slot_counter, "_SLOTS", 4)
    return Guest(counter="native")


VARIANTS: Final = (
    pytest.param(alone("python"), id="python"),
    pytest.param(alone("native"), id="native", marks=native_only),
    pytest.param(with_another_hook, id="native with another hook", marks=native_only),
    pytest.param(with_small_arenas, id="native with small arenas", marks=native_only),
)
Variant = Callable[[pytest.MonkeyPatch], Guest]


def prepare(guest: Guest, scenario: Scenario) -> None:
    """Writes the program and its handlers; a page fault that is handed over maps its page."""

    def answer(_call: int) -> None:
        if guest.entry.vector != PF:
            guest.engine.stop()
            return
        page = guest.state.control(2) & -PAGE_SIZE
        guest.map(page, PAGE_SIZE, USER | WRITABLE)
        guest.write(page, code("int 0x80"))

    guest.attach(answer)
    guest.write(handler(0x80), code("vmcall"))
    for vector, text in scenario.handlers.items():
        guest.write(handler(vector), code(text))
    if scenario.elsewhere:
        guest.write(scenario.elsewhere_at, code(scenario.elsewhere))
    guest.write(scenario.at, code(scenario.text, scenario.long))


def visit(guest: Guest, scenario: Scenario) -> tuple[int, int]:
    """Runs the program once; returns what was counted for ring 3 and for ring 0."""
    counter = guest.machine.counter
    before = counter.user, counter.kernel
    guest.put(scenario.at, long=scenario.long, rflags=scenario.rflags, **dict(scenario.registers))
    guest.run()
    return counter.user - before[0], counter.kernel - before[1]


ROWS: Final = [pytest.param(scenario, id=scenario.name) for scenario in SCENARIOS]


@pytest.mark.parametrize("scenario", ROWS)
@pytest.mark.parametrize("variant", VARIANTS)
def test_the_count_is_that_of_a_processor(
    monkeypatch: pytest.MonkeyPatch, variant: Variant, scenario: Scenario
) -> None:
    guest = variant(monkeypatch)
    prepare(guest, scenario)
    assert visit(guest, scenario) == (scenario.user, scenario.kernel)


@pytest.mark.parametrize("flush", [False, True], ids=["warm", "flushed"])
@pytest.mark.parametrize("scenario", ROWS)
@pytest.mark.parametrize("variant", VARIANTS)
def test_a_second_visit_counts_the_same(
    monkeypatch: pytest.MonkeyPatch, variant: Variant, scenario: Scenario, flush: bool
) -> None:
    """Its blocks are translated by then; what was mapped or rewritten stays so."""
    guest = variant(monkeypatch)
    prepare(guest, scenario)
    visit(guest, scenario)
    if flush:
        guest.engine.flush_code()
    kernel = 1 if MAP in scenario.handlers.values() else scenario.kernel
    assert visit(guest, scenario) == (scenario.user, kernel)


def test_no_two_scenarios_have_one_name() -> None:
    names = [scenario.name for scenario in SCENARIOS]
    assert len(names) == len(set(names))


# ---- the rules that both share

REP: Final = (
    ("f3a4", True, True),
    ("f3aa", True, True),
    ("f2ae", True, True),
    ("f348ab", True, True),
    ("66f3ab", True, True),
    ("f366ab", True, True),
    ("64f3a4", True, True),
    ("67f3a4", True, True),
    ("f36c", True, True),
    ("aa", True, False),
    ("48ab", True, False),
    ("f390", True, False),  # PAUSE
    ("f3c3", True, False),
    ("f30f10c0", True, False),  # MOVSS
    ("f348", True, False),
    ("f340aa", False, False),  # INC EAX in 32-bit code, so the prefix repeats nothing
    ("f340aa", True, True),
    ("", True, False),
)


@pytest.mark.parametrize(("text", "long", "repeats"), REP)
def test_a_repeated_string_instruction_is_known_by_its_bytes(
    text: str, long: bool, repeats: bool
) -> None:
    assert counters.is_rep(bytes.fromhex(text), long) is repeats


def block(start: int, end: int, rep: bool) -> counters.Block:
    return counters.Block(start, end, 1, counters.USER, whole=True, rep=rep)


@pytest.mark.parametrize(
    ("now", "before", "again"),
    [
        (block(10, 12, True), block(10, 12, True), True),
        (block(10, 12, True), block(4, 12, False), True),  # the block that ran into it
        (block(10, 12, True), block(10, 11, True), False),
        (block(10, 12, False), block(10, 12, False), False),
        (block(10, 12, True), counters.NO_BLOCK, False),
    ],
)
def test_one_more_turn_is_known_by_where_the_block_before_it_ended(
    now: counters.Block, before: counters.Block, again: bool
) -> None:
    assert counters.repeats_alone(now, before) is again


# ---- which counter a machine gets


@pytest.mark.parametrize("counter", COUNTERS)
def test_a_counter_has_the_name_it_is_asked_for_by(counter: str) -> None:
    assert Guest(counter=counter).machine.counter.name == counter


@native_only
def test_auto_is_native_where_the_host_allows_it() -> None:
    assert Guest(counter="auto").machine.counter.name == "native"


@pytest.mark.parametrize(("kind", "name"), [("auto", "python"), ("native", None)])
def test_a_host_without_native_code_gets_the_python_counter_unless_it_insists(
    monkeypatch: pytest.MonkeyPatch, kind: str, name: str | None
) -> None:
    monkeypatch.setattr(hostcode, "is_supported", lambda: False)
    if name is None:
        with pytest.raises(EngineError, match="cannot run the machine code"):
            Guest(counter=kind)
    else:
        assert Guest(counter=kind).machine.counter.name == name


@pytest.mark.parametrize(("kind", "name"), [("auto", "python"), ("native", None)])
def test_an_engine_with_another_kind_of_hook_gets_the_python_counter_unless_it_insists(
    monkeypatch: pytest.MonkeyPatch, kind: str, name: str | None
) -> None:
    monkeypatch.setattr(slot_counter, "_HOOK_SIZE", 0)
    if name is None:
        with pytest.raises(EngineError, match="keeps its hooks in an unknown way"):
            Guest(counter=kind)
    else:
        assert Guest(counter=kind).machine.counter.name == name


def test_a_counter_that_does_not_exist_is_refused_with_those_that_do() -> None:
    with pytest.raises(UsageError, match=r"no counter 'abacus'; known: auto, native, python"):
        Guest(counter="abacus")


@native_only
def test_more_blocks_than_an_arena_has_slots_take_another(monkeypatch: pytest.MonkeyPatch) -> None:
    guest = with_small_arenas(monkeypatch)
    blocks = "; ".join(f"jmp l{n}; l{n}: nop" for n in range(40))
    guest.write(handler(0x80), code("vmcall"))
    guest.attach()
    for _ in range(2):
        guest.cross(code(f"{blocks}; int 0x80"))
    assert guest.machine.counter.user == 2 * 81
    assert isinstance(guest.machine.counter, slot_counter.SlotCounter)
    assert len(guest.machine.counter._arenas) > 10


def test_the_programs_do_what_their_counts_say() -> None:
    """One of them, by its registers: six calls, of which three found INC EAX."""
    scenario = next(s for s in SCENARIOS if s.name == "a function behind grows and shrinks")
    guest = Guest()
    prepare(guest, scenario)
    visit(guest, scenario)
    assert guest.seen().registers[RAX] == 3
