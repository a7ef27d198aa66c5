"""The USER area word by word."""

from __future__ import annotations

import pytest

from kernel_stub.abi.abi import I386, X86_64, Abi
from kernel_stub.abi.tracing import USER_AREA
from kernel_stub.errno import EINVAL, EIO, Errno
from kernel_stub.tracing import words
from tests.tracing.world import Pair

ABIS = {"x86_64": X86_64, "i386": I386}


@pytest.fixture(params=ABIS)
def abi(request: pytest.FixtureRequest) -> Abi:
    return ABIS[request.param]


@pytest.fixture
def pair() -> Pair:
    pair = Pair()
    pair.trace()
    return pair


def test_each_word_of_the_registers_is_read_and_written(pair: Pair, abi: Abi) -> None:
    at = abi.word * USER_AREA[abi].registers.index("rdx")
    words.poke(pair.child, abi, at, 0x1234)
    assert words.peek(pair.child, abi, at) == 0x1234 == pair.kernel.saved(pair.child, "rdx")


@pytest.mark.parametrize("where", ["odd", "behind"])
def test_what_is_no_word_of_it_is_refused(pair: Pair, abi: Abi, where: str) -> None:
    offset = 1 if where == "odd" else USER_AREA[abi].size
    for ask in (
        lambda: words.peek(pair.child, abi, offset),
        lambda: words.poke(pair.child, abi, offset, 0),
    ):
        with pytest.raises(Errno) as refused:
            ask()
        assert refused.value.number == EIO


def test_between_registers_and_debug_registers_is_nothing(pair: Pair) -> None:
    between = {abi: USER_AREA[abi].debug_at - abi.word for abi in ABIS.values()}
    assert [words.peek(pair.child, abi, at) for abi, at in between.items()] == [0, 0]
    words.poke(pair.child, I386, between[I386], 1)
    with pytest.raises(Errno):
        words.poke(pair.child, X86_64, between[X86_64], 1)


@pytest.mark.parametrize(
    ("number", "value", "error"),
    [
        (0, 0x1000, 0),
        (1, 1 << 47, EINVAL),
        (4, 0, EIO),
        (5, 0, EIO),
        (6, 0xFFFF_0FF1, 0),
        (7, 0xD_0001, 0),  # a write of 4 bytes at 0
        (7, 0x2_0001, EINVAL),  # a port
        (7, 0x4_0001, EINVAL),  # an instruction of 2 bytes
    ],
)
def test_a_breakpoint_is_one_of_user_memory(
    pair: Pair, number: int, value: int, error: int
) -> None:
    at = USER_AREA[X86_64].debug_at + 8 * number
    if error:
        with pytest.raises(Errno) as refused:
            words.poke(pair.child, X86_64, at, value)
        assert refused.value.number == error
    else:
        words.poke(pair.child, X86_64, at, value)
        assert words.peek(pair.child, X86_64, at) == value


def test_a_breakpoint_that_is_not_aligned_is_refused(pair: Pair) -> None:
    at = USER_AREA[X86_64].debug_at
    words.poke(pair.child, X86_64, at, 0x1001)
    with pytest.raises(Errno):
        words.poke(pair.child, X86_64, at + 56, 0xD_0001)
