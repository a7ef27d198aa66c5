"""Each check finds its bug, and is silent where the bug is not."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from emu.errors import UsageError
from emu.testing import Finding, MakeMachine, NotReached
from emu.testing.bugs import BUGS, demand
from emu.testing.checks import CHECKS
from emu.testing.tables import STACK_TOP
from emu.x86.flags import AC, DF, IF, NT, TF
from emu.x86.registers import CR4_SMAP
from tests.testing.kernels import (
    CALL_NEXT,
    CLD,
    IRET,
    POPF,
    STI,
    SWAPGS,
    SYSRET,
    USE_GS,
    guest_with,
    with_msrs,
)

GOOD_FMASK = AC | NT | TF | IF | DF
NO_DF, NO_TF, NO_IF, NO_NT, NO_AC = (GOOD_FMASK & ~flag for flag in (DF, TF, IF, NT, AC))
RSP = STACK_TOP.to_bytes(8, "little").hex()
ON_KERNEL_STACK = f"4889e3 48bc{RSP}"  # mov %rsp, %rbx; mov $STACK_TOP, %rsp
BACK_FROM_IT = "4889dc 31db"  # mov %rbx, %rsp; xor %ebx, %ebx
CALLS = f"{ON_KERNEL_STACK} {CALL_NEXT} 31c0 {BACK_FROM_IT}"
NEW_FRAME = (  # IRET from a frame that the kernel builds
    f"{ON_KERNEL_STACK} 6a2b 53 4153 6a33 51 31db"  # push ss, rbx, r11, cs, rcx
)

# bug: the way in, the kernel, the declaration
BAD: list[tuple[str, str, str, Mapping[str, Any]]] = [
    ("missing-swapgs", "int80", USE_GS + SWAPGS + SWAPGS + IRET, {}),
    ("gs-balance", "syscall", SWAPGS + SYSRET, {}),
    ("frame-offset", "int80", "6a00" + IRET, {}),  # push $0
    ("frame-offset", "int80", "58" + IRET, {}),  # pop %rax
    ("kernel-stack", "syscall", f"{ON_KERNEL_STACK} 6a00 {BACK_FROM_IT} {SYSRET}", {}),
    ("registers", "int80", "31f6 ffc6" + IRET, {}),  # xor %esi, %esi; inc %esi
    ("flags", "syscall", "41c7c302320000" + SYSRET, {}),  # mov $0x3202, %r11d: IOPL 3
    ("kernel-address", "int80", "4889e0" + IRET, {}),  # mov %rsp, %rax
    ("direction-flag", "syscall", CALLS + SYSRET, with_msrs(FMASK=NO_DF)),
    ("direction-flag", "int80", CALL_NEXT + IRET, {}),
    (
        "alignment-check-flag",
        "syscall",
        CALLS + SYSRET,
        {"cr4": CR4_SMAP, **with_msrs(FMASK=NO_AC)},
    ),
    ("trap-flag", "syscall", SYSRET, with_msrs(FMASK=NO_TF)),
    ("nested-task-flag", "syscall", NEW_FRAME + IRET, with_msrs(FMASK=NO_NT)),
    ("interrupts-early", "syscall", SYSRET, with_msrs(FMASK=NO_IF)),
    ("interrupts-early", "syscall", SWAPGS + SWAPGS + STI + "90" + SYSRET, {}),
]
GOOD: list[tuple[str, str, Mapping[str, Any]]] = [
    ("syscall", SYSRET, {}),
    ("syscall", SWAPGS + USE_GS + SWAPGS + SYSRET, {}),
    ("syscall", f"{ON_KERNEL_STACK} 6a00 58 {BACK_FROM_IT} {SYSRET}", {}),
    ("syscall", CLD + CALLS + SYSRET, with_msrs(FMASK=NO_DF)),
    ("syscall", CALLS + SYSRET, with_msrs(FMASK=NO_AC)),  # without SMAP AC has no effect
    ("syscall", NEW_FRAME + IRET, {}),
    ("int80", IRET, {}),
    ("int80", "6a00 58" + IRET, {}),
    ("int80", CLD + CALL_NEXT + "31c0" + IRET, {}),
    (
        "int80",
        USE_GS + IRET,
        {"msrs": {"GS_BASE": STACK_TOP - 64, "KERNEL_GS_BASE": STACK_TOP - 64}},
    ),
]


def findings_of(
    machine: MakeMachine, mechanism: str, kernel: str, declaration: Mapping[str, Any]
) -> tuple[Finding, ...]:
    guest = guest_with(machine, mechanism, kernel, limit=10_000, **declaration)
    try:
        return guest.run_until_user().findings
    except NotReached as failure:
        return failure.findings


@pytest.mark.parametrize(("bug", "mechanism", "kernel", "declaration"), BAD)
def test_a_bug_is_found(
    machine: MakeMachine, bug: str, mechanism: str, kernel: str, declaration: Mapping[str, Any]
) -> None:
    assert bug in {one.bug for one in findings_of(machine, mechanism, kernel, declaration)}


@pytest.mark.parametrize(("mechanism", "kernel", "declaration"), GOOD)
def test_a_kernel_without_a_bug_is_not_complained_of(
    machine: MakeMachine, mechanism: str, kernel: str, declaration: Mapping[str, Any]
) -> None:
    assert findings_of(machine, mechanism, kernel, declaration) == ()


def test_a_handler_that_comes_in_ring_0_must_look_which_gs_it_has(machine: MakeMachine) -> None:
    guest = guest_with(machine, "syscall", SYSRET)
    guest.write("vector_0x02", bytes.fromhex(USE_GS + IRET))
    guest.run_until_trap()
    guest.inject(2)
    with pytest.raises(NotReached) as failure:
        guest.run_until_user()
    assert [one.bug for one in failure.value.findings] == ["swapgs-direction"]


def test_an_address_that_sysret_cannot_return_to_is_found(machine: MakeMachine) -> None:
    kernel = "48b90000000000800000" + SYSRET  # mov $0x800000000000, %rcx
    found = {one.bug for one in findings_of(machine, "syscall", kernel, {})}
    assert "sysret-address" in found


def test_every_check_is_proved_able_to_find() -> None:
    elsewhere = {"swapgs-direction", "sysret-address"}
    assert {bug for bug, *_ in BAD} | elsewhere == set(CHECKS)


def test_a_register_that_holds_what_another_held_points_to_the_frame(machine: MakeMachine) -> None:
    guest = guest_with(machine, "int80", "4887fe" + IRET)  # xchg %rdi, %rsi
    guest.set(rdi=0x11, rsi=0x22)
    seen = [one.seen for one in guest.run_until_user().findings]
    assert seen == [
        "rsi 0x22 -> 0x11; that is what rdi held: a slot of the frame was mixed up",
        "rdi 0x11 -> 0x22; that is what rsi held: a slot of the frame was mixed up",
    ]


def test_nt_that_popf_clears_is_no_bug(machine: MakeMachine) -> None:
    kernel = NEW_FRAME.replace("6a2b", POPF + "6a2b", 1) + IRET
    assert findings_of(machine, "syscall", kernel, with_msrs(FMASK=NO_NT)) == ()


# ---- what is told


FINDING = Finding("trap-flag", "syscall_entry", "FMASK is 0x200, without TF")


def test_a_finding_says_what_where_why_how_to_mend_and_where_to_read() -> None:
    bug = BUGS["trap-flag"]
    text = str(FINDING)
    for part in (bug.title, FINDING.where, FINDING.seen, bug.why, bug.mend, *bug.see):
        assert part in text


def test_findings_fail_a_test_unless_they_are_allowed() -> None:
    with pytest.raises(AssertionError, match="a bug on the way"):
        demand([FINDING])
    demand([FINDING], allow=["trap-flag"])
    demand([FINDING], allow="trap-flag")
    demand([])


def test_a_check_that_does_not_exist_cannot_be_allowed() -> None:
    with pytest.raises(UsageError, match="no check 'trap flag'; known: missing-swapgs"):
        demand([], allow=["trap flag"])


@pytest.mark.parametrize("bug", BUGS.values(), ids=lambda bug: bug.name)
def test_every_bug_is_explained(bug: Any) -> None:
    assert all((bug.title, bug.why, bug.mend, bug.see))
    assert all(one.startswith(("https://nvd", "SDM ", "System V ABI")) for one in bug.see)
