"""RAM hands out zeroed frames, counts their users, and refuses sizes that it cannot have."""

from __future__ import annotations

import pytest

from emu.errors import MemorySizeError, OutOfFrames
from emu.memory.physical import MAXIMUM_SIZE, MINIMUM_SIZE, PhysicalMemory
from emu.x86.paging import PAGE_SIZE


@pytest.mark.parametrize(
    ("size", "complaint"),
    [
        (MINIMUM_SIZE + 1, "no whole number of 4096-byte pages"),
        (PAGE_SIZE // 2, "no whole number of 4096-byte pages"),
        (0, "0 MiB is out of bounds: choose from 4 MiB to 64 GiB"),
        (MINIMUM_SIZE - PAGE_SIZE, "out of bounds"),
        (MAXIMUM_SIZE + PAGE_SIZE, "out of bounds"),
        (-MINIMUM_SIZE, "out of bounds"),
    ],
)
def test_an_impossible_size_is_refused_in_one_sentence(size: int, complaint: str) -> None:
    with pytest.raises(MemorySizeError, match=complaint) as caught:
        PhysicalMemory(size)
    assert "\n" not in str(caught.value)
    assert caught.value.exit_status == 2


def test_what_the_host_refuses_is_told_as_a_size(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_arguments: object, **_keywords: object) -> None:
        raise OSError(12, "Cannot allocate memory")

    monkeypatch.setattr("emu.memory.physical.mmap.mmap", refuse)
    with pytest.raises(MemorySizeError, match=r"the host refuses 4 MiB of memory: .*Cannot"):
        PhysicalMemory(MINIMUM_SIZE)


def test_every_frame_is_aligned_zeroed_and_handed_out_once(ram: PhysicalMemory) -> None:
    frames = [ram.allocate() for _ in range(10)]
    assert len(set(frames)) == 10
    assert all(frame % PAGE_SIZE == 0 for frame in frames)
    assert all(not any(ram.view[frame : frame + PAGE_SIZE]) for frame in frames)


def test_frame_0_is_never_handed_out(ram: PhysicalMemory) -> None:
    assert 0 not in [ram.allocate() for _ in range(ram.frames_free)]


def test_ram_that_is_used_up_says_so(ram: PhysicalMemory) -> None:
    frames = MINIMUM_SIZE // PAGE_SIZE - 1
    assert ram.frames_free == frames
    for _ in range(frames):
        ram.allocate()
    assert ram.frames_free == 0
    with pytest.raises(OutOfFrames, match="4 MiB of memory are used up"):
        ram.allocate()


def test_a_freed_frame_is_zeroed_and_handed_out_again(ram: PhysicalMemory) -> None:
    frame = ram.allocate()
    ram.view[frame : frame + 4] = b"left"
    free = ram.frames_free
    ram.free(frame)
    assert ram.frames_free == free + 1
    assert ram.allocate() == frame
    assert not any(ram.view[frame : frame + PAGE_SIZE])


@pytest.mark.parametrize("sharers", [1, 2, 3])
def test_a_shared_frame_is_given_back_by_its_last_user(ram: PhysicalMemory, sharers: int) -> None:
    frame = ram.allocate()
    free = ram.frames_free
    for _ in range(sharers):
        ram.share(frame)
    for left in range(sharers, 0, -1):
        assert ram.is_shared(frame)
        ram.free(frame)
        assert ram.is_shared(frame) is (left > 1)
        assert ram.frames_free == free
    ram.free(frame)
    assert ram.frames_free == free + 1


def test_a_frame_that_was_shared_can_be_shared_again(ram: PhysicalMemory) -> None:
    frame = ram.allocate()
    ram.share(frame)
    ram.free(frame)
    ram.share(frame)
    assert ram.is_shared(frame)


def test_bytes_and_words_are_the_same_memory(ram: PhysicalMemory) -> None:
    frame = ram.allocate()
    ram.words[frame // 8] = 0x1122_3344_5566_7788
    assert bytes(ram.view[frame : frame + 8]) == bytes.fromhex("8877665544332211")
    assert len(ram.view) == 8 * len(ram.words) == MINIMUM_SIZE


def test_a_frame_that_is_kept_stays_until_ram_is_used_up(ram: PhysicalMemory) -> None:
    frame = ram.allocate()
    ram.keep("libc", frame)
    ram.free(frame)
    assert ram.named("libc") == frame
    others = [ram.allocate() for _ in range(ram.frames_free)]
    assert frame not in others
    assert ram.allocate() == frame
    assert ram.named("libc") is None
    with pytest.raises(OutOfFrames):
        ram.allocate()


def test_a_frame_that_is_forgotten_stays_with_its_users(ram: PhysicalMemory) -> None:
    frame = ram.allocate()
    ram.keep("libc", frame)
    ram.forget("libc")
    assert ram.named("libc") is None
    assert not ram.is_shared(frame)


def test_what_is_kept_belongs_to_a_snapshot(ram: PhysicalMemory) -> None:
    frame = ram.allocate()
    ram.keep("libc", frame)
    kept = ram.kept()
    ram.forget()
    ram.restore(kept)
    assert ram.named("libc") == frame
    assert ram.is_shared(frame)
