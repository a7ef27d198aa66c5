"""What a tracer sees of registers, and what it may set."""

from __future__ import annotations

import pytest

from emu.x86 import flags
from kernel_stub import layout
from kernel_stub.abi.abi import I386, X86_64
from kernel_stub.abi.sigframes import FXSAVE_SIZE, XSAVE_HEADER
from kernel_stub.abi.tracing import USER_AREA
from kernel_stub.errno import EINVAL, EIO, ERESTARTNOHAND, ERESTARTSYS, Errno
from kernel_stub.signalling.fpu import START
from kernel_stub.tracing import registers
from kernel_stub.tracing.tracee import Mode
from tests.tracing.world import Pair


@pytest.fixture
def pair() -> Pair:
    pair = Pair()
    pair.trace()
    return pair


@pytest.mark.parametrize("abi", [X86_64, I386])
def test_what_is_read_can_be_written_back(pair: Pair, abi: object) -> None:
    assert abi in USER_AREA
    chosen = X86_64 if abi is X86_64 else I386
    before = registers.read_general(pair.child, chosen)
    pair.kernel.save(pair.child, "rbx", 77)
    registers.write_general(pair.child, chosen, before)
    assert registers.read_general(pair.child, chosen) == before
    assert len(before) == chosen.word * len(USER_AREA[chosen].registers)


@pytest.mark.parametrize(
    ("name", "value"),
    [("cs", 0x10), ("cs", 0), ("ss", 0), ("ss", 0x18), ("ds", 8), ("gs", 4)],
)
def test_a_selector_of_ring_0_is_refused(pair: Pair, name: str, value: int) -> None:
    with pytest.raises(Errno) as refused:
        registers.write(pair.child, name, value)
    assert refused.value.number == EIO


@pytest.mark.parametrize("name", ["fs_base", "gs_base"])
def test_a_base_lies_below_the_end_of_user_memory(pair: Pair, name: str) -> None:
    registers.write(pair.child, name, layout.USER_64.task_size - 1)
    assert registers.read(pair.child, name) == layout.USER_64.task_size - 1
    with pytest.raises(Errno):
        registers.write(pair.child, name, layout.USER_64.task_size)


def test_flags_of_the_kernel_stay(pair: Pair) -> None:
    registers.write(pair.child, "rflags", (1 << 64) - 1)
    value = registers.read(pair.child, "rflags")
    assert value & flags.IF
    assert not value & flags.IOPL
    registers.write(pair.child, "rflags", 0)
    assert registers.read(pair.child, "rflags") == flags.IF | 2


def test_the_tracers_trap_flag_is_not_seen_and_not_lost(pair: Pair) -> None:
    pair.child.tracing.resume(Mode(steps=True), 0)
    assert not registers.read(pair.child, "rflags") & flags.TF
    registers.write(pair.child, "rflags", 0x202)
    assert pair.kernel.saved(pair.child, "rflags") & flags.TF


@pytest.mark.parametrize(
    ("number", "result", "restart"),
    [
        (0, -ERESTARTSYS, ERESTARTSYS),
        (34, -ERESTARTNOHAND, ERESTARTNOHAND),
        (-1, -ERESTARTSYS, 0),
        (0, -4, 0),
        (0, 0, 0),
    ],
)
def test_a_call_begins_anew_if_its_registers_say_so(
    pair: Pair, number: int, result: int, restart: int
) -> None:
    pair.kernel.save(pair.child, "orig_rax", number)
    pair.kernel.save(pair.child, "rax", result)
    registers.judge_restart(pair.child)
    assert pair.child.restart == restart


@pytest.mark.parametrize("components", range(4))
def test_components_that_an_image_does_not_name_start_anew(pair: Pair, components: int) -> None:
    image = b"\x7f\x02" + START[2:32] + b"\x11" * (FXSAVE_SIZE - 32)
    registers.write_xsave(pair.child, X86_64, image + XSAVE_HEADER.pack(components, 0, b""))
    kept = pair.kernel.image
    assert kept[:2] == (image if components & 1 else START)[:2]
    assert kept[160:416] == (image if components & 2 else START)[160:416]


@pytest.mark.parametrize(
    "header", [XSAVE_HEADER.pack(4, 0, b""), XSAVE_HEADER.pack(3, 1, b""), b"\xff" * 64]
)
def test_an_image_that_xrstor_refuses_is_refused(pair: Pair, header: bytes) -> None:
    with pytest.raises(Errno) as refused:
        registers.write_xsave(pair.child, X86_64, START + header)
    assert refused.value.number == EINVAL


def test_the_x87_unit_of_i386_goes_there_and_back(pair: Pair) -> None:
    content = registers.read_fsave(pair.child, I386)
    assert len(content) == 108
    changed = (0x27F).to_bytes(4, "little") + content[4:]
    registers.write_fsave(pair.child, I386, changed)
    assert pair.kernel.image[:2] == b"\x7f\x02"


def test_the_abi_of_a_tracee_is_that_of_its_code(pair: Pair) -> None:
    assert registers.native_abi(pair.child) is X86_64
    pair.kernel.save(pair.child, "cs", layout.USER32_CS)
    assert registers.native_abi(pair.child) is I386
