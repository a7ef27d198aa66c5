"""The machine: what it is made of, what it refuses, and two stories of a five-line kernel."""

from __future__ import annotations

from typing import Final

import pytest

from emu.cpu.engine import MODELS
from emu.errors import MemorySizeError, UsageError
from emu.events import Entered, Refused
from emu.machine import DEFAULT_MODELS, Machine, make_counter
from emu.x86.registers import RAX, RDI
from emu.x86.vectors import GP
from emu.x86.vendors import VENDORS
from tests.cpu.assembler import code
from tests.cpu.machine_builder import (
    CODE,
    COUNTERS,
    DATA,
    SYSCALL_ENTRY,
    TEXT,
    Guest,
    handler,
)

MEMORY: Final = 8 << 20


@pytest.mark.parametrize("vendor", VENDORS)
def test_a_vendor_has_a_processor_of_its_own_by_default(vendor: str) -> None:
    machine = Machine(MEMORY, vendor)
    assert machine.engine.model == DEFAULT_MODELS[vendor]
    assert machine.processor.vendor is VENDORS[vendor]


def test_every_default_model_exists() -> None:
    assert set(DEFAULT_MODELS.values()) <= set(MODELS)
    assert set(DEFAULT_MODELS) == set(VENDORS)


@pytest.mark.parametrize("model", ["skylake-client", "nehalem", "epyc-rome", "qemu64"])
def test_another_model_may_be_chosen_for_a_vendor(model: str) -> None:
    assert Machine(MEMORY, "intel", model).engine.model == model


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ({"vendor": "cyrix"}, r"no vendor 'cyrix'; known: intel, amd"),
        ({"model": "z80"}, r"no CPU model 'z80'; known: .*haswell"),
        ({"counter": "abacus"}, r"no counter 'abacus'; known: auto, native, python"),
    ],
)
def test_what_does_not_exist_is_refused_with_what_does(
    arguments: dict[str, str], complaint: str
) -> None:
    with pytest.raises(UsageError, match=complaint) as caught:
        Machine(MEMORY, **arguments)  # type: ignore[arg-type]  # the names are those of arguments
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("memory", [0, 1 << 20, MEMORY + 1, 1 << 40])
def test_an_impossible_size_of_memory_is_refused(memory: int) -> None:
    with pytest.raises(MemorySizeError):
        Machine(memory)


@pytest.mark.parametrize("memory", [4 << 20, 8 << 20, 1 << 30])
def test_memory_is_as_large_as_it_was_asked_for(memory: int) -> None:
    assert Machine(memory).physical.size == memory


def test_a_new_machine_has_executed_nothing() -> None:
    machine = Machine(MEMORY)
    assert (machine.counter.user, machine.counter.kernel) == (0, 0)
    assert machine.ledger.rows() == []
    assert list(machine.processor.accounts.refusals) == []


def test_a_counter_is_made_for_one_engine() -> None:
    machine = Machine(MEMORY, counter="python")
    other = make_counter("python", machine.engine)
    assert other is not machine.counter
    assert other.totals[:2] == [0, 0]


# ---- without a kernel


@pytest.mark.parametrize("counter", COUNTERS)
def test_without_a_kernel_the_first_instruction_of_ring_0_stops_the_machine(counter: str) -> None:
    guest = Guest(counter=counter)
    seen = guest.cross(code("nop; int 0x80"))
    assert (seen.cpl, seen.rip) == (0, handler(0x80))
    assert (guest.machine.counter.user, guest.machine.counter.kernel) == (2, 0)


def test_without_a_kernel_vmcall_in_ring_0_is_an_invalid_opcode() -> None:
    guest = Guest()
    guest.write(TEXT + 0x2000, code("vmcall"))
    guest.put_kernel(TEXT + 0x2000)
    assert guest.run().rip == handler(6)


# ---- a five-line kernel


class Doubler:
    """Answers every handover by doubling what RDI holds."""

    def __init__(self, guest: Guest) -> None:
        self.guest = guest
        self.calls: list[tuple[int, int]] = []

    def handed_over(self, call: int, argument: int) -> None:
        self.calls.append((call, argument))
        self.guest.state.words[RAX] = 2 * argument


@pytest.mark.parametrize("watch", [True, False], ids=["watched", "unwatched"])
@pytest.mark.parametrize("counter", COUNTERS)
def test_a_kernel_answers_what_ring_0_hands_over_and_the_program_goes_on(
    counter: str, watch: bool
) -> None:
    guest = Guest(counter=counter, watch=watch)
    kernel = Doubler(guest)
    guest.machine.attach(kernel)
    guest.write(SYSCALL_ENTRY, code("vmcall; sysretq"))
    guest.write(handler(0x80), code("hlt"))
    guest.write(CODE, code("mov edi, 21; syscall; nop; int 0x80"))
    guest.put(rax=7)
    seen = guest.run()
    assert kernel.calls == [(7, 21)]
    assert seen.gpr("rax") == 42
    assert (guest.machine.counter.user, guest.machine.counter.kernel) == (4, 2 + 1)
    assert guest.machine.ledger.rows() == [
        ("syscall", "x86_64", 1, 1, 1),
        ("int80", "i386", 1, 1, 0),
    ]


@pytest.mark.parametrize("counter", COUNTERS)
def test_a_bad_kernel_is_an_error_of_its_own_and_the_machine_stands_still(counter: str) -> None:
    guest = Guest(counter=counter)

    def fail(_call: int) -> None:
        raise ZeroDivisionError

    guest.attach(fail)
    guest.write(handler(0x80), code("vmcall; iretq"))
    with pytest.raises(ZeroDivisionError):
        guest.cross(code("int 0x80"))
    assert guest.seen().rip == handler(0x80) + 3
    assert guest.machine.counter.kernel == 1


def test_vmcall_in_ring_3_hands_nothing_over() -> None:
    guest = Guest()
    kernel = Doubler(guest)
    guest.machine.attach(kernel)
    guest.write(handler(6), code("hlt"))
    guest.cross(code("vmcall"))
    assert kernel.calls == []
    assert guest.entry.vector == 6


def test_what_a_kernel_changes_of_the_state_is_what_runs_next() -> None:
    guest = Guest()
    guest.attach(lambda call: setattr(guest.state, "rip", TEXT + 0x2000))
    guest.write(handler(0x80), code("vmcall"))
    guest.write(TEXT + 0x2000, code("hlt"))
    assert guest.cross(code("int 0x80")).rip == TEXT + 0x2001


def test_the_argument_of_a_handover_is_rdi() -> None:
    guest = Guest()
    seen: list[int] = []

    class Kernel:
        def handed_over(self, call: int, argument: int) -> None:
            seen.extend((call, argument))
            guest.engine.stop()

    guest.machine.attach(Kernel())
    guest.write(handler(0x80), code("vmcall"))
    end = guest.cross(code("int 0x80"), rax=5, rdi=(1 << 64) - 1)
    assert seen == [5, end.registers[RDI]]


# ---- watchers


def test_every_watcher_is_told_in_order() -> None:
    told: list[tuple[str, str]] = []

    class Watcher:
        def __init__(self, name: str) -> None:
            self.name = name

        def entered(self, event: Entered) -> None:
            told.append((self.name, event.mechanism))

        def refused(self, event: Refused) -> None:
            told.append((self.name, event.check))

    guest = Guest()
    guest.machine.processor.accounts.watchers = [Watcher("a"), Watcher("b")]
    guest.cross(code("int 0x20"))
    assert told == [
        ("a", "gate DPL below CPL"),
        ("b", "gate DPL below CPL"),
        ("a", "fault"),
        ("b", "fault"),
    ]


def test_a_record_cannot_be_changed() -> None:
    guest = Guest()
    guest.cross(code("int 0x20"))
    assert guest.entry.vector == GP
    with pytest.raises(AttributeError):
        guest.entry.vector = 0  # type: ignore[misc]  # that is the claim


# ---- determinism


@pytest.mark.parametrize("counter", COUNTERS)
def test_two_machines_do_the_same_to_the_last_bit(counter: str) -> None:
    ends = []
    for _ in range(2):
        guest = Guest(counter=counter)
        text = "mov edi, 0x500000; mov ecx, 9; rep stosb byte ptr [rdi], al; rdtsc; cpuid; int 0x80"
        guest.cross(code(text), rax=1)
        guest.state.load()
        ends.append((bytes(guest.state.raw[: 16 * 8]), guest.words(DATA, 4), guest.events))
    assert ends[0] == ends[1]


@pytest.mark.parametrize(("model", "vendor"), [("haswell", "intel"), ("epyc-rome", "amd")])
def test_without_a_vendor_it_is_the_models_own(model: str, vendor: str) -> None:
    assert Machine(MEMORY, model=model).processor.vendor is VENDORS[vendor]


@pytest.mark.parametrize("model", ["486", "pentium3", "coreduo", "n270", "qemu32"])
def test_a_model_without_64_bit_mode_is_refused(model: str) -> None:
    with pytest.raises(UsageError, match="has no 64-bit mode"):
        Machine(MEMORY, model=model)


# ---- the timer

TIMER: Final = 0xEC
LONG: Final = 30  # instructions: a block of ring 0 that no small budget lets through


class Ringer:
    """Lets the timer ring in the middle of every call."""

    def __init__(self, machine: Machine) -> None:
        self.machine = machine

    def handed_over(self, call: int, argument: int) -> None:
        self.machine.ring_soon(TIMER)


@pytest.mark.parametrize("counter", COUNTERS)
def test_a_timer_that_rings_in_ring_0_waits_for_ring_3_and_nothing_counts_twice(
    counter: str,
) -> None:
    guest = Guest(counter=counter)
    guest.machine.attach(Ringer(guest.machine))
    pops = "; ".join(["inc rax"] * LONG)
    guest.write(SYSCALL_ENTRY, code(f"vmcall; {pops}; sysretq"))
    guest.write(handler(TIMER), code("hlt"))
    guest.write(CODE, code("syscall; nop; int 0x80"))
    guest.put()
    seen = guest.run()
    assert seen.rip == handler(TIMER) + 1
    assert guest.machine.timer.take_rang()
    assert (guest.machine.counter.user, guest.machine.counter.kernel) == (1, 1 + LONG + 1 + 1)
