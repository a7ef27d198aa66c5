"""What this project relies on in Unicorn's hooks: what they change, raise, and how they stop.

Each claim holds behind the native trampoline and behind the one in Python.
"""

from __future__ import annotations

import ctypes
import threading
from collections.abc import Callable
from typing import NoReturn

import pytest

from emu.cpu import hostcode
from emu.cpu.engine import STOP_FUNCTION
from emu.x86.registers import CS, R11, RAX, RBX, RCX, RDX
from tests.cpu.assembler import code
from tests.cpu.bare_engine import CODE, INVALID, Bare, Report


@pytest.fixture(params=["native", "python"])
def bare(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Bare:
    if request.param == "python":
        monkeypatch.setattr(hostcode, "is_supported", lambda: False)
    return Bare()


# ---- SYSCALL and SYSENTER


def hooked(bare: Bare, instruction: str, callback: Callable[[], None]) -> None:
    if instruction == "syscall":
        bare.engine.hook_syscall(callback, None)
    else:
        bare.engine.hook_sysenter(callback)


@pytest.mark.parametrize("long", [True, False], ids=["64-bit", "32-bit"])
@pytest.mark.parametrize("instruction", ["syscall", "sysenter"])
def test_a_hooked_entry_does_nothing_but_add_its_length_to_rip(
    bare: Bare, instruction: str, long: bool
) -> None:
    seen = []
    hooked(bare, instruction, lambda: seen.append(bare.state.rip))
    reports = bare.run(instruction, cpl=3, long=long, r1=0xC, r11=0xB)
    assert seen == [CODE]
    assert reports == [Report(INVALID, CODE + 2, 0, is_int=False)]
    assert (bare.state.words[RCX], bare.state.words[R11]) == (0xC, 0xB)
    assert bare.state.cpl == 3


@pytest.mark.parametrize("instruction", ["syscall", "sysenter"])
def test_a_hook_may_change_ring_and_rip_which_must_be_short_by_the_length(
    bare: Bare, instruction: str
) -> None:
    target = 0x1800
    bare.write("cli; ud2", at=target)

    def enter() -> None:
        bare.state.enter_flat_ring0(0x10, target - 2, 0)

    hooked(bare, instruction, enter)
    reports = bare.run(instruction, cpl=3)
    assert reports == [Report(INVALID, target + 1, 0, is_int=False)]
    assert bare.state.segment(CS).selector == 0x10


# ---- CPUID and RDTSC


@pytest.mark.parametrize("instruction", ["cpuid", "rdtsc", "rdtscp"])
def test_a_hook_does_the_whole_instruction_and_rip_moves_on(bare: Bare, instruction: str) -> None:
    def answer() -> None:
        bare.state.words[RAX], bare.state.words[RDX] = 0x11, 0x22

    getattr(bare.engine, f"hook_{instruction}")(answer)
    (report,) = bare.run(instruction, r3=0x33)
    assert report.rip == CODE + len(code(instruction))
    assert [bare.state.words[number] for number in (RAX, RDX, RBX)] == [0x11, 0x22, 0x33]


# ---- running and stopping


class Boom(Exception):
    """What a callback raises here."""


def boom(*_arguments: object) -> NoReturn:
    raise Boom


@pytest.mark.parametrize(
    "instruction", ["int 0x80", "ud2", "syscall", "sysenter", "cpuid", "rdtsc", "rdtscp"]
)
def test_what_a_callback_raises_is_raised_by_run_and_only_once(
    bare: Bare, instruction: str
) -> None:
    engine = bare.engine
    hooks: dict[str, Callable[[], None]] = {
        "int 0x80": lambda: engine.hook_interrupts(boom),
        "ud2": lambda: engine.hook_invalid(boom),
        "syscall": lambda: engine.hook_syscall(boom, None),
        "sysenter": lambda: engine.hook_sysenter(boom),
        "cpuid": lambda: engine.hook_cpuid(boom),
        "rdtsc": lambda: engine.hook_rdtsc(boom),
        "rdtscp": lambda: engine.hook_rdtscp(boom),
    }
    hooks[instruction]()
    with pytest.raises(Boom):
        bare.run(instruction)
    engine.hook_invalid(bare.keep_invalid)
    bare.write("nop; ud2", at=0x1800)
    bare.put(0x1800)
    engine.run()
    assert bare.reports[-1].rip == 0x1801


def test_an_engine_runs_again_from_where_it_stopped(bare: Bare) -> None:
    bare.write("inc eax; int 0x80; inc eax; int 0x80; ud2")
    bare.put(r0=0)
    bare.engine.run()
    assert bare.engine.rip() == CODE + 4
    bare.engine.run()
    assert bare.state.words[RAX] == 2


def test_another_thread_can_stop_an_endless_loop(bare: Bare) -> None:
    bare.write("again: jmp again")
    bare.put()
    ended = threading.Event()

    def stop_until_ended() -> None:
        while not ended.wait(0.001):
            bare.engine.stop()

    thread = threading.Thread(target=stop_until_ended)
    thread.start()
    bare.engine.run()
    ended.set()
    thread.join()
    assert bare.engine.rip() == CODE
    assert bare.engine.stopping


def test_the_native_stop_function_stops_the_engine_that_it_is_given(bare: Bare) -> None:
    assert STOP_FUNCTION is not None
    stop = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p)(STOP_FUNCTION)

    def stop_natively() -> None:
        assert stop(bare.engine.handle) == 0

    bare.on_report = stop_natively
    assert len(bare.run("int 0x80; int 0x80")) == 1
