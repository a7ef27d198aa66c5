"""What a kernel's author wants to know without asking: bugs seen on the way of one crossing.

Each check looks at the executed instructions of ring 0 and at the states before and behind, and
yields what it finds. `CHECKS` is the table; the words for each bug stand in bugs.py. A check that
is silent proves this one crossing only.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Final, NamedTuple, TypeAlias

from emu.testing import opcodes
from emu.testing.bugs import BUGS, Finding
from emu.testing.states import State
from emu.testing.steps import Path
from emu.testing.trap import Change, Trap
from emu.testing.values import Flags
from emu.x86 import crossings, flags, registers
from emu.x86.paging import is_canonical
from emu.x86.registers import GPRS, RCX

_KEPT_FLAGS: Final = flags.IF | flags.DF | flags.TF | flags.IOPL | flags.NT | flags.AC


class Nested(NamedTuple):
    """A crossing from ring 0, met on the way.

    It came before the instruction number `before` of the path; RIP was pushed to `frame_at`.
    """

    before: int
    name: str
    frame_at: int


class Scene(NamedTuple):
    """What the checks may look at. `back` is None if ring 3 was not reached.

    `owner(address)` is `user`, `kernel` or empty: who may use the page there.
    """

    trap: Trap
    path: Path
    names: tuple[str, ...]  # of the instructions, by opcodes.py
    nested: tuple[Nested, ...]
    fmask: int
    owner: Callable[[int], str]
    back: State | None
    changes: Mapping[str, Change]


Seen: TypeAlias = tuple[str, str]  # where, what


def find(scene: Scene) -> tuple[Finding, ...]:
    """Every bug that one crossing shows, in the order of the table."""
    return tuple(
        Finding(bug, where, seen) for bug, check in CHECKS.items() for where, seen in check(scene)
    )


def iret_offsets(scene: Scene) -> Iterator[tuple[int, int]]:
    """For each IRET that ends a crossing through a gate: its index, and by how many bytes its
    frame stands above the one that the processor pushed.
    """
    frames: list[int | None] = [scene.trap.frame_at if scene.trap.frame else None]
    waiting = list(scene.nested)
    for index, name in enumerate(scene.names):
        while waiting and waiting[0].before <= index:
            frames.append(waiting.pop(0).frame_at)
        if name == opcodes.IRET and frames:
            frame = frames.pop()
            if frame is not None:
                yield index, scene.path.instructions[index].step.rsp - frame


def stack_left(scene: Scene) -> int:
    """Bytes left on the kernel stack when ring 3 was reached; negative if too many were popped."""
    if scene.trap.frame is not None:
        offsets = list(iret_offsets(scene))
        return -offsets[-1][1] if offsets else 0
    rsps = [one.step.rsp for one in scene.path.instructions]
    stacks = [rsp for rsp in rsps if _owner_of_stack(scene, rsp) == "kernel"]
    if not stacks or opcodes.IRET in scene.names:
        return 0  # IRET may return from wherever a frame was built
    return stacks[0] - stacks[-1] if not _is_in_frame(scene, stacks[-1], stacks[0]) else 0


def _owner_of_stack(scene: Scene, rsp: int) -> str:
    """Whose stack it is: an empty one points behind its last page."""
    return scene.owner(rsp - 8 & (1 << 64) - 1)


def _is_in_frame(scene: Scene, low: int, high: int) -> bool:
    """Whether RSP was restored from a slot of the stack: all that is left there is its frame."""
    user_rsp = scene.trap.user.rsp
    saved = [
        index
        for index, one in enumerate(scene.path.instructions)
        if low <= one.step.rsp <= high and scene.path.after(index).rsp == user_rsp
    ]
    if not saved or low >= high:
        return False
    code = scene.path.instructions[saved[-1]].code
    return opcodes.loads_rsp(code) and not opcodes.uses_gs(code)


# ---- the checks; each yields where and what


def _gs_use(scene: Scene) -> Iterator[tuple[int, Seen]]:
    """The first use of GS while it was the user's."""
    user = scene.trap.user
    if user.gs_base == user.kernel_gs_base:
        return
    for index, one in enumerate(scene.path.instructions):
        if opcodes.uses_gs(one.code) and one.step.gs_base == user.gs_base:
            seen = f"an operand of GS, whose base was still the user's {user.gs_base}"
            yield index, (scene.path.where(index), seen)
            return


def _entered_from_ring_0(scene: Scene, index: int) -> Nested | None:
    earlier = [one for one in scene.nested if one.before <= index]
    return earlier[-1] if earlier else None


def _missing_swapgs(scene: Scene) -> Iterator[Seen]:
    for index, seen in _gs_use(scene):
        if _entered_from_ring_0(scene, index) is None:
            yield seen


def _swapgs_direction(scene: Scene) -> Iterator[Seen]:
    for index, (where, seen) in _gs_use(scene):
        nested = _entered_from_ring_0(scene, index)
        if nested is not None:
            yield where, f"{seen}; {nested.name} had come in ring 0"


def _gs_balance(scene: Scene) -> Iterator[Seen]:
    user, back = scene.trap.user, scene.back
    if back is None:
        return
    if (user.gs_base, user.kernel_gs_base) != (back.gs_base, back.kernel_gs_base):
        swaps = scene.names.count(opcodes.SWAPGS)
        yield (
            _end(scene),
            f"GS_BASE {user.gs_base} -> {back.gs_base}, KERNEL_GS_BASE {user.kernel_gs_base} -> "
            f"{back.kernel_gs_base}, after {swaps} SWAPGS",
        )


def _frame_offset(scene: Scene) -> Iterator[Seen]:
    for index, offset in iret_offsets(scene):
        if offset:
            where = "above" if offset > 0 else "below"
            yield (
                scene.path.where(index),
                f"IRET with RSP {abs(offset)} bytes {where} the frame that the processor pushed",
            )


def _kernel_stack(scene: Scene) -> Iterator[Seen]:
    if scene.back is None or scene.trap.frame is not None:
        return  # through a gate it is the frame's offset
    left = stack_left(scene)
    if left:
        what = "left on" if left > 0 else "too many popped from"
        yield _end(scene), f"{abs(left)} bytes {what} the kernel stack"


def _registers(scene: Scene) -> Iterator[Seen]:
    user = scene.trap.user
    for name, change in scene.changes.items():
        if name in scene.trap.may_change:
            continue
        same = [n for n in GPRS if n != name and getattr(user, n) == change.after != 0]
        hint = f"; that is what {same[0]} held: a slot of the frame was mixed up" if same else ""
        yield change.by, f"{name} {change.before} -> {change.after}{hint}"


def _flags(scene: Scene) -> Iterator[Seen]:
    if scene.back is None:
        return
    before, after = (Flags(s.rflags & _KEPT_FLAGS) for s in (scene.trap.user, scene.back))
    if before != after:
        yield _end(scene), f"RFLAGS {scene.trap.user.rflags} -> {scene.back.rflags}"


def _kernel_address(scene: Scene) -> Iterator[Seen]:
    for name, change in scene.changes.items():
        if name != "rsp" and scene.owner(change.after) == "kernel":
            yield change.by, f"{name} holds {change.after}, an address of the kernel's"


def _reaches_a_call(scene: Scene, cures: tuple[str, ...]) -> str:
    """Where the first CALL stands if none of `cures` ran before it; else nothing."""
    for index, name in enumerate(scene.names):
        if name in cures:
            return ""
        if name == opcodes.CALL:
            return scene.path.where(index)
    return ""


def _gets_in(scene: Scene, flag: int) -> bool:
    """Whether the processor itself lets the program's flag in."""
    return scene.trap.mechanism != crossings.SYSCALL or not scene.fmask & flag


def _unmasked(scene: Scene, name: str) -> str:
    if scene.trap.mechanism == crossings.SYSCALL:
        return f"FMASK is {scene.fmask:#x}, without {name}"
    return f"the processor leaves {name} as it is"


def _direction_flag(scene: Scene) -> Iterator[Seen]:
    if _gets_in(scene, flags.DF):
        where = _reaches_a_call(scene, (opcodes.CLD, opcodes.POPF))
        if where:
            yield where, f"{_unmasked(scene, 'DF')}, and no CLD came before the first CALL"


def _alignment_check_flag(scene: Scene) -> Iterator[Seen]:
    first = scene.path.instructions[0].step if scene.path.instructions else scene.path.end
    if first.cr4 & registers.CR4_SMAP and _gets_in(scene, flags.AC):
        where = _reaches_a_call(scene, (opcodes.CLAC, opcodes.POPF))
        if where:
            yield where, f"{_unmasked(scene, 'AC')}, and no CLAC came before the first CALL"


def _trap_flag(scene: Scene) -> Iterator[Seen]:
    if scene.trap.mechanism == crossings.SYSCALL and not scene.fmask & flags.TF:
        yield _start(scene), _unmasked(scene, "TF")


def _nested_task_flag(scene: Scene) -> Iterator[Seen]:
    by_gate = scene.trap.frame is not None
    if by_gate or not _gets_in(scene, flags.NT) or opcodes.POPF in scene.names:
        return
    if opcodes.IRET in scene.names:
        where = scene.path.where(scene.names.index(opcodes.IRET))
        yield where, f"{_unmasked(scene, 'NT')}, and the way back is IRET"


def _interrupts_early(scene: Scene) -> Iterator[Seen]:
    user = scene.trap.user
    swaps = opcodes.SWAPGS in scene.names and user.gs_base != user.kernel_gs_base
    for index, one in enumerate(scene.path.instructions):
        if not one.step.rflags & flags.IF or scene.names[index] in opcodes.RETURNS:
            continue
        on_user_stack = _owner_of_stack(scene, one.step.rsp) == "user"
        if on_user_stack or (swaps and one.step.gs_base == user.gs_base):
            what = "stack" if on_user_stack else "GS"
            yield scene.path.where(index), f"IF = 1 in ring 0 with the user's {what}"
            return


def _sysret_address(scene: Scene) -> Iterator[Seen]:
    for index, name in enumerate(scene.names):
        rcx = scene.path.instructions[index].step.registers[RCX]
        if name == opcodes.SYSRET and not is_canonical(rcx):
            yield scene.path.where(index), f"SYSRET with RCX = {rcx:#x}"


def _start(scene: Scene) -> str:
    return scene.path.symbols.name_of(scene.trap.entry.rip)


def _end(scene: Scene) -> str:
    return scene.path.where(len(scene.path.instructions) - 1)


CHECKS: Final[Mapping[str, Callable[[Scene], Iterator[Seen]]]] = {
    "frame-offset": _frame_offset,
    "missing-swapgs": _missing_swapgs,
    "swapgs-direction": _swapgs_direction,
    "gs-balance": _gs_balance,
    "kernel-stack": _kernel_stack,
    "registers": _registers,
    "flags": _flags,
    "kernel-address": _kernel_address,
    "direction-flag": _direction_flag,
    "alignment-check-flag": _alignment_check_flag,
    "trap-flag": _trap_flag,
    "nested-task-flag": _nested_task_flag,
    "interrupts-early": _interrupts_early,
    "sysret-address": _sysret_address,
}
assert CHECKS.keys() == BUGS.keys()
