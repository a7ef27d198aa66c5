"""What this project relies on in Unicorn's translated blocks: counts, hooks, stale code."""

from __future__ import annotations

import ctypes
from typing import Final

import pytest

from emu.cpu.engine import HOOK_BLOCK, HOOK_NEW_BLOCK
from emu.errors import EngineError
from emu.x86.registers import RAX
from tests.cpu.bare_engine import CODE, Bare

_BLOCK: Final = ctypes.CFUNCTYPE(
    None, ctypes.c_void_p, ctypes.c_uint64, ctypes.c_uint32, ctypes.c_uint64
)
_NEW: Final = ctypes.CFUNCTYPE(
    None, ctypes.c_void_p, ctypes.POINTER(ctypes.c_uint64), ctypes.c_void_p, ctypes.c_void_p
)


class Watched(Bare):
    """An engine with a block hook: `blocks` holds address, size and user data of each block."""

    def __init__(self) -> None:
        super().__init__()
        self.blocks: list[tuple[int, int, int]] = []
        self.translated: list[int] = []
        self._block = _BLOCK(lambda _, pc, size, data: self.blocks.append((pc, size, data)))
        self._new = _NEW(lambda _, block, *__: self.translated.append(block[0]))

    def hook_blocks(self, data: int = 0) -> int:
        function = ctypes.cast(self._block, ctypes.c_void_p).value
        assert function is not None
        return self.engine.hook_native(HOOK_BLOCK, function, data)

    def hook_new_blocks(self) -> None:
        function = ctypes.cast(self._new, ctypes.c_void_p).value
        assert function is not None
        self.engine.hook_native(HOOK_NEW_BLOCK, function, 0)

    def user_data(self, hook: int) -> ctypes.c_uint64:
        """The hook's user data in Unicorn's memory, found by what stands before it."""
        function = ctypes.cast(self._block, ctypes.c_void_p).value
        assert function is not None
        at = ctypes.string_at(hook, 96).find(function.to_bytes(8, "little"))
        assert at >= 0
        return ctypes.c_uint64.from_address(hook + at + 8)


@pytest.fixture
def bare() -> Watched:
    return Watched()


def starts(bare: Watched) -> list[int]:
    return [pc - CODE for pc, _, _ in bare.blocks]


BLOCKS: Final = (
    ("nop; nop; nop; jmp end; end: nop", 5, 4),
    ("int 0x80; nop", 2, 1),
    ("nop; syscall; nop", 3, 2),
    ("nop; sysenter; nop", 3, 2),
    ("nop; ud2; nop", 3, 2),
    ("nop; vmcall; nop", 4, 2),
    ("nop; call next; next: nop", 6, 2),
    ("ret", 1, 1),
)


@pytest.mark.parametrize(("text", "size", "instructions"), BLOCKS)
def test_a_block_ends_with_what_leaves_it_and_its_instructions_are_known(
    bare: Watched, text: str, size: int, instructions: int
) -> None:
    bare.engine.hook_syscall(lambda: None, None)
    bare.engine.hook_sysenter(lambda: None)
    bare.write(text)
    bare.put()
    assert bare.engine.block_at(CODE) == (size, instructions)


def test_a_block_at_address_0_counts_no_instruction_that_is_not_there(bare: Watched) -> None:
    # `run` gives 0 as the end; without the exits being emptied that would count as one more.
    bare.hook_blocks()
    bare.write("nop; nop; ud2", at=0)
    bare.put(0)
    bare.engine.run()
    assert bare.engine.block_at(0) == (4, 3)
    assert [report.rip for report in bare.reports] == [2]


def test_a_block_in_32_bit_mode_is_measured_in_that_mode(bare: Watched) -> None:
    bare.write("inc eax; inc eax; ret", long=False)
    bare.put(cpl=3, long=False)
    assert bare.engine.block_at(CODE) == (3, 3)


def test_a_long_row_of_instructions_is_cut(bare: Watched) -> None:
    bare.hook_blocks()
    bare.run("; ".join(["nop"] * 600))
    assert starts(bare)[0] == 0
    assert len(starts(bare)) > 1
    assert sum(size for _, size, _ in bare.blocks) == 600 + 2


def test_the_hook_runs_once_for_each_block_and_tells_address_and_size(bare: Watched) -> None:
    bare.hook_blocks()
    bare.run("mov ecx, 3; again: inc eax; loop again")
    assert [(pc - CODE, size) for pc, size, _ in bare.blocks] == [
        (0, 9),
        (5, 4),
        (5, 4),
        (9, 2),
    ]


def baked(bare: Watched, hooks: int) -> list[int]:
    """The user data with which a block runs before and after it was changed in the hook."""
    hook = bare.hook_blocks(0x111)
    for _ in range(hooks - 1):
        bare.hook_blocks(0x999)
    bare.write("nop; int 0x80")
    bare.write("nop; int 0x80", at=0x1800)
    for start in (CODE, CODE, 0x1800):
        bare.put(start)
        bare.engine.run()
        bare.user_data(hook).value = 0x222
    return [data for _, _, data in bare.blocks if data != 0x999]


def test_a_sole_hooks_user_data_is_baked_into_each_block(bare: Watched) -> None:
    assert baked(bare, hooks=1) == [0x111, 0x111, 0x222]


def test_the_user_data_of_one_hook_among_two_is_not_baked(bare: Watched) -> None:
    assert baked(bare, hooks=2) == [0x111, 0x222, 0x222]


@pytest.mark.parametrize("count", [0, 1, 5])
def test_a_rep_enters_its_block_once_for_each_turn_and_once_more(bare: Watched, count: int) -> None:
    bare.hook_blocks()
    bare.run("nop; rep stosb byte ptr [rdi], al", r1=count, r7=0x2000)
    # The first turn ends the block that NOP began; the others start at the instruction itself.
    assert starts(bare) == [0, *[1] * count, 3]


@pytest.mark.parametrize("renew", ["flush_code", "drop_code"])
def test_code_written_behind_the_engines_back_is_stale_until_it_is_dropped(
    bare: Watched, renew: str
) -> None:
    def run_once() -> int:
        bare.put(r0=0)
        bare.engine.run()
        bare.state.load()
        return bare.state.words[RAX]

    bare.write("inc eax; int 0x80")
    assert run_once() == 1
    bare.write("nop; nop; int 0x80")
    assert run_once() == 1
    if renew == "flush_code":
        bare.engine.flush_code()
    else:
        bare.engine.drop_code(CODE, 2)
    assert run_once() == 0


def test_code_that_the_guest_writes_is_new_at_once(bare: Watched) -> None:
    bare.run("mov dword ptr [rip + 2], 0x90909090; int3; int3; int3; int3; int3; int3; inc eax")
    assert [report.rip - CODE for report in bare.reports] == [11]


def test_a_block_that_is_translated_anew_is_told_of(bare: Watched) -> None:
    bare.hook_new_blocks()
    bare.write("jmp next; next: nop; int 0x80")
    for told in (1, 1, 2):
        if told == 2:
            bare.engine.flush_code()
        bare.put()
        bare.engine.run()
        assert bare.translated.count(CODE + 2) == told


def test_a_hook_for_an_instruction_that_unicorn_does_not_hook_is_refused(bare: Watched) -> None:
    hook_of_an_instruction, no_such_instruction = 2, ctypes.c_int(1)
    with pytest.raises(EngineError, match="Unicorn refuses a hook"):
        bare.engine.hook_native(hook_of_an_instruction, 1, 0, no_such_instruction)
