"""The bugs that the checks can find, each with its reason, its remedy and where it is famous.

Words, and what to do with a bug that was found: how one is seen stands in checks.py. A CVE is named
where an operating system had that kind of bug; the link leads to its description.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, NamedTuple

from emu.errors import UsageError


class Bug(NamedTuple):
    """One kind of bug. `name` is what `allow=` takes; `see` may be a manual's chapter or a CVE."""

    name: str
    title: str
    why: str
    mend: str
    see: tuple[str, ...]


def _cve(number: str) -> str:
    return f"https://nvd.nist.gov/vuln/detail/{number}"


BUGS: Final = {
    bug.name: bug
    for bug in (
        Bug(
            "missing-swapgs",
            "the kernel used GS while it was the user's",
            "GS-relative data is found through a base that the program chose: it decides where the "
            "kernel reads its stack pointer from.",
            "SWAPGS before the first %gs: operand, on every way in from ring 3.",
            ('SDM 2B, "SWAPGS"',),
        ),
        Bug(
            "swapgs-direction",
            "a handler entered from ring 0 has the wrong GS",
            "Between the entry and its SWAPGS, and between the last SWAPGS and the return, ring 0 "
            "runs with the user's GS. What may come there (NMI, #DB, #MC, #DF, a fault of IRET) "
            "must not conclude from CS which GS it has.",
            "On such paths decide by GS_BASE itself (RDMSR, RDGSBASE), and undo what was done.",
            ('SDM 2B, "SWAPGS"', _cve("CVE-2014-9322")),
        ),
        Bug(
            "gs-balance",
            "GS_BASE and KERNEL_GS_BASE did not come back as they were",
            "The next entry swaps in the wrong one of the two: the kernel then runs on the user's "
            "GS, and the program on the kernel's.",
            "One SWAPGS on the way in and one on the way out, under the same condition.",
            ('SDM 2B, "SWAPGS"',),
        ),
        Bug(
            "frame-offset",
            "IRET took its frame from the wrong place",
            "RIP, CS, RFLAGS, RSP and SS are then other words of the stack: IRET faults in ring 0, "
            "or goes where it should not.",
            "Before IRETQ, RSP must point to the RIP that the processor pushed: pop what was "
            "pushed, and skip the error code and the vector.",
            ('SDM 3A, "64-Bit Mode Stack Frame"', 'SDM 2A, "IRET"'),
        ),
        Bug(
            "kernel-stack",
            "the kernel stack was not left as it was found",
            "Each such call leaves the stack a little further from where it should be, until it "
            "runs into something else.",
            "As many pops as pushes on every path, early exits too.",
            ('SDM 1, "Procedure Stack"',),
        ),
        Bug(
            "registers",
            "registers did not come back as they were",
            "A program that is interrupted, or calls the kernel, counts on them.",
            "Restore each from the slot that it was saved to, in the reverse order.",
            ('System V ABI, AMD64 supplement, "Linux Conventions"',),
        ),
        Bug(
            "flags",
            "RFLAGS did not come back as they were",
            "With IOPL raised a program may use ports and CLI, with IF clear it cannot be "
            "interrupted, with DF set its string instructions run backwards.",
            "Restore R11 before SYSRET; leave the frame's RFLAGS alone before IRET.",
            ('SDM 1, "EFLAGS Register"',),
        ),
        Bug(
            "kernel-address",
            "a kernel address was left in a register of the program",
            "It tells the program where the kernel lies, which address-space randomization hides.",
            "Restore or clear every register that the kernel used.",
            (_cve("CVE-2009-2910"),),
        ),
        Bug(
            "direction-flag",
            "the program's DF reaches the kernel's functions",
            "Compiled code takes DF = 0 for granted: with DF set, its string instructions run "
            "backwards, over whatever lies below.",
            "Put DF (0x400) into FMASK, or execute CLD before the first CALL.",
            ('System V ABI, AMD64 supplement, "Registers"', _cve("CVE-2008-1367")),
        ),
        Bug(
            "alignment-check-flag",
            "the program's AC reaches the kernel, which relies on SMAP",
            "With AC set SMAP is off: the kernel may touch user memory where it never means to.",
            "Put AC (0x40000) into FMASK; on ways in through a gate execute CLAC.",
            ('SDM 3A, "Access Rights"',),
        ),
        Bug(
            "trap-flag",
            "the program's TF reaches the kernel",
            "A #DB follows the first instruction of the kernel, on the user's stack and with the "
            "user's GS.",
            "Put TF (0x100) into FMASK.",
            ('SDM 2B, "SYSCALL"', 'SDM 3B, "Single-Step Exception Condition"'),
        ),
        Bug(
            "nested-task-flag",
            "the program's NT reaches the kernel's IRET",
            "IRET with NT set faults in 64-bit mode: any program can make the kernel fault.",
            "Put NT (0x4000) into FMASK; on SYSENTER clear it by POPF.",
            ('SDM 2A, "IRET"', _cve("CVE-2006-5755")),
        ),
        Bug(
            "interrupts-early",
            "interrupts were on before the kernel had its own stack and GS",
            "An interrupt taken there finds CS of ring 0, so its handler keeps the user's GS, and "
            "without an IST the frame is pushed on the user's stack.",
            "Mask IF (0x200) in FMASK, use interrupt gates, and STI only behind SWAPGS and the "
            "change of stacks; CLI before both are undone.",
            ('SDM 2B, "SYSCALL"', 'SDM 3A, "Flag Usage By Exception- or Interrupt-Handler"'),
        ),
        Bug(
            "sysret-address",
            "SYSRET with a return address that is not canonical",
            "An Intel processor then faults in ring 0, with the user's stack and GS loaded.",
            "Compare RCX with its sign extension from bit 47, and return by IRET if they differ.",
            ('SDM 2B, "SYSRET"', _cve("CVE-2012-0217")),
        ),
    )
}


class Finding(NamedTuple):
    """One bug: which of BUGS, where in the kernel, and what was seen."""

    bug: str
    where: str
    seen: str

    def __str__(self) -> str:
        bug = BUGS[self.bug]
        return "\n".join(
            (
                f"[{self.bug}] {bug.title}",
                f"  seen: {self.seen}",
                f"  at:   {self.where}",
                f"  why:  {bug.why}",
                f"  mend: {bug.mend}",
                *(f"  see:  {one}" for one in bug.see),
            )
        )


def demand(findings: Iterable[Finding], allow: Iterable[str] = ()) -> None:
    """Raises AssertionError for the findings whose bug is not allowed."""
    __tracebackhide__ = True
    allowed = (allow,) if isinstance(allow, str) else tuple(allow)
    for name in allowed:
        if name not in BUGS:
            raise UsageError(f"no check {name!r}; known: {', '.join(BUGS)}")
    bad = [finding for finding in findings if finding.bug not in allowed]
    if bad:
        number = "a bug" if len(bad) == 1 else f"{len(bad)} bugs"
        raise AssertionError(
            f"{number} on the way through the kernel\n\n" + "\n\n".join(map(str, bad))
        )
