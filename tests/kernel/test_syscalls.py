"""What system calls do that no C program on the host could show, in both ABIs."""

from __future__ import annotations

from struct import Struct

import pytest

from emu.x86.descriptors import SEGMENT
from kernel_stub.abi.process_structures import (
    RLIMIT64,
    SYSINFO,
    USER_DESC,
    UTSNAME_FIELD,
)
from kernel_stub.abi.resources import RLIMIT_AS, RLIMIT_DATA, RLIMIT_STACK
from kernel_stub.errno import (
    EBADF,
    EFAULT,
    EINVAL,
    ENODEV,
    ENOMEM,
    ENOSYS,
    EOPNOTSUPP,
    EPERM,
    ESRCH,
    Errno,
)
from kernel_stub.layout import USER_32, USER_64
from kernel_stub.mm.flags import (
    MAP_32BIT,
    MAP_ANONYMOUS,
    MAP_HUGETLB,
    MAP_POPULATE,
    MAP_PRIVATE,
    PROT_READ,
    PROT_WRITE,
)
from kernel_stub.syscalls import every_call
from kernel_stub.syscalls.table import FULL, PARTIAL
from tests.kernel.fakes import PAGE
from tests.kernel.world import ABIS, PID, SCRATCH, Ended, World

RW = PROT_READ | PROT_WRITE
ANON = MAP_PRIVATE | MAP_ANONYMOUS
SECOND = 1_000_000_000


@pytest.fixture(params=ABIS.values(), ids=list(ABIS))
def world(request: pytest.FixtureRequest) -> World:
    return World(request.param)


@pytest.fixture
def world_32() -> World:
    return World(ABIS["i386"])


@pytest.fixture
def world_64() -> World:
    return World(ABIS["x86_64"])


def test_every_call_says_how_well_it_is_done() -> None:
    for call in every_call().values():
        assert call.support in (FULL, PARTIAL)
        assert bool(call.missing) == (call.support == PARTIAL)


# --- the end, and ids ---


@pytest.mark.parametrize("name", ["exit", "exit_group"])
def test_a_program_ends_with_its_status(world: World, name: str) -> None:
    with pytest.raises(Ended) as ended:
        world.call(name, 42)
    assert ended.value.args == (42,)


def test_the_ids_are_always_the_same(world: World) -> None:
    names = ("getpid", "gettid", "getppid", "getpgrp", "getuid", "getgid")
    assert [world.call(name) for name in names] == [PID, PID, 1, PID, 0, 0]
    assert world.call("setsid") == -EPERM


@pytest.mark.parametrize(("uid", "shown"), [(1000, 1000), (65535, 65535), (70000, 65534)])
def test_old_calls_of_i386_show_ids_of_16_bits(world_32: World, uid: int, shown: int) -> None:
    world_32.task.uid = uid
    assert (world_32.call("getuid"), world_32.call("getuid32")) == (shown, uid)
    world_32.call("getresuid", SCRATCH, SCRATCH + 2, SCRATCH + 4)
    assert world_32.get(Struct("<3H")) == (shown, shown, shown)
    world_32.call("getresuid32", SCRATCH, SCRATCH + 4, SCRATCH + 8)
    assert world_32.get(Struct("<3I")) == (uid, uid, uid)


def test_groups_are_counted_and_listed(world: World) -> None:
    world.task.groups = (4, 70000)
    assert world.call("getgroups", 0, 0) == 2
    assert world.call("getgroups", 1, SCRATCH) == -EINVAL
    assert world.call("getgroups32", 2, SCRATCH) == 2
    assert world.get(Struct("<2I")) == (4, 70000)


def test_one_may_become_who_one_is_and_nobody_else(world: World) -> None:
    world.task.uid = 5
    assert world.call("setuid", 5) == 0
    assert world.call("setuid", 6) == -EPERM
    assert world.call("setresuid", -1, 5, -1) == 0
    assert world.call("setresuid", 5, 5, 0) == -EPERM
    assert world.call("setfsuid", 9) == 5


# --- thread-local storage ---


def test_segment_bases_are_set_and_read(world_64: World) -> None:
    assert world_64.call("arch_prctl", 0x1002, 0x7000_0000_1000) == 0
    assert world_64.call("arch_prctl", 0x1001, 0x1234) == 0
    assert world_64.kernel.bases == {"fs": 0x7000_0000_1000, "gs": 0x1234}
    assert world_64.call("arch_prctl", 0x1003, SCRATCH) == 0
    assert world_64.get(Struct("<Q")) == (0x7000_0000_1000,)
    assert world_64.call("arch_prctl", 0x1004, SCRATCH) == 0
    assert world_64.get(Struct("<Q")) == (0x1234,)


def test_a_base_in_the_kernel_half_is_refused(world_64: World) -> None:
    assert world_64.call("arch_prctl", 0x1002, USER_64.task_size) == -EPERM
    assert world_64.call("arch_prctl", 0x1002, 1 << 63) == -EPERM
    assert world_64.call("arch_prctl", 0x3001, SCRATCH) == -EINVAL
    assert world_64.call("arch_prctl", 0x1012, 0) == -ENODEV


@pytest.mark.parametrize("option", [0x1021, 0x1022])
def test_x87_and_sse_are_all_the_state_components(world: World, option: int) -> None:
    assert world.call("arch_prctl", option, SCRATCH) == 0
    assert world.get(Struct("<Q")) == (3,)
    assert world.call("arch_prctl", option, 8) == -EFAULT


@pytest.mark.parametrize(
    ("component", "error"), [(0, EOPNOTSUPP), (18, EOPNOTSUPP), (19, EINVAL), (64, EINVAL)]
)
def test_no_state_component_can_be_asked_for(world: World, component: int, error: int) -> None:
    assert world.call("arch_prctl", 0x1023, component) == -error


def test_a_32_bit_program_has_no_segment_bases(world_32: World) -> None:
    assert world_32.call("arch_prctl", 0x1002, 0x1000) == -EINVAL


FLAT = 0x51  # 32-bit, limit in pages, useable: what every libc asks for


def test_a_thread_area_takes_the_first_free_entry(world_32: World) -> None:
    for entry in (12, 13, 14):
        world_32.put(USER_DESC, 0xFFFF_FFFF, 0xF7D0_0000, 0xFFFFF, FLAT)
        assert world_32.call("set_thread_area", SCRATCH) == 0
        assert world_32.get(USER_DESC)[0] == entry
    world_32.put(USER_DESC, 0xFFFF_FFFF, 0, 0xFFFFF, FLAT)
    assert world_32.call("set_thread_area", SCRATCH) == -ESRCH


def test_a_thread_area_is_a_data_segment_of_ring_3(world_32: World) -> None:
    world_32.put(USER_DESC, 13, 0xF7D0_1234, 0xFFFFF, FLAT)
    assert world_32.call("set_thread_area", SCRATCH) == 0
    assert SEGMENT.unpack(world_32.kernel.descriptors[1]) == {
        "limit": 0xFFFFF,
        "base": 0xF7D0_1234,
        "type": 3,
        "s": 1,
        "dpl": 3,
        "present": 1,
        "avl": 1,
        "long": 0,
        "default_big": 1,
        "granularity": 1,
    }
    world_32.put(USER_DESC, 13, 0, 0, 0)
    assert world_32.call("get_thread_area", SCRATCH) == 0
    assert world_32.get(USER_DESC) == (13, 0xF7D0_1234, 0xFFFFF, FLAT)


@pytest.mark.parametrize("bits", [0x28, 0])
def test_an_empty_area_frees_its_entry(world_32: World, bits: int) -> None:
    world_32.kernel.descriptors[0] = 1
    world_32.put(USER_DESC, 12, 0, 0, bits)
    assert world_32.call("set_thread_area", SCRATCH) == 0
    assert world_32.kernel.descriptors[0] == 0
    world_32.call("get_thread_area", SCRATCH)
    assert world_32.get(USER_DESC) == (12, 0, 0, 0x28)


# (entry, bits): code, 16 bits, not present, outside the three entries
@pytest.mark.parametrize(("entry", "bits"), [(12, 0x55), (12, 0x50), (12, 0x71), (11, FLAT)])
def test_other_segments_are_refused(world_32: World, entry: int, bits: int) -> None:
    world_32.put(USER_DESC, entry, 0, 0xFFFFF, bits)
    assert world_32.call("set_thread_area", SCRATCH) == -EINVAL


def test_a_64_bit_program_has_no_thread_areas(world_64: World) -> None:
    world_64.put(USER_DESC, 12, 0, 0xFFFFF, FLAT)
    assert world_64.call("set_thread_area", SCRATCH) == -ENOSYS


# --- memory ---


def test_the_old_mmap_of_i386_reads_its_arguments_from_memory(world_32: World) -> None:
    world_32.put(Struct("<6I"), 0, PAGE, RW, ANON, 0xFFFF_FFFF, 0)
    assert world_32.call("mmap", SCRATCH) == USER_32.mmap_top - PAGE


def test_a_32_bit_call_of_a_64_bit_program_maps_below_4_gib(world_64: World) -> None:
    world_64.task.abi = ABIS["i386"]
    world_64.abi = ABIS["i386"]
    assert world_64.call("mmap2", 0, PAGE, RW, ANON, -1, 0) == USER_32.mmap_top - PAGE


def test_a_mapping_may_be_asked_for_in_the_low_2_gib(world_64: World) -> None:
    assert world_64.call("mmap", 0, PAGE, RW, ANON | MAP_32BIT, -1, 0) == 0x4000_0000
    assert world_64.call("mmap", 0, PAGE, RW, ANON | MAP_HUGETLB, -1, 0) == -ENOMEM


def test_a_populated_mapping_is_in_memory(world_64: World) -> None:
    start = world_64.call("mmap", 0, 4 * PAGE, RW, ANON | MAP_POPULATE, -1, 0)
    assert world_64.call("mincore", start, 4 * PAGE, SCRATCH) == 0
    assert world_64.task.memory.copy_in(SCRATCH, 4) == b"\1\1\1\1"


def test_limits_of_memory_reach_the_address_space(world: World) -> None:
    space = world.task.space
    for resource, value in ((RLIMIT_STACK, 1 << 20), (RLIMIT_DATA, 2 << 20), (RLIMIT_AS, 3 << 20)):
        world.put(RLIMIT64, value, value)
        assert world.call("prlimit64", 0, resource, SCRATCH, 0) == 0
    assert (space.stack_limit, space.data_limit, space.size_limit) == (1 << 20, 2 << 20, 3 << 20)


# --- the system ---


@pytest.mark.parametrize(
    ("call", "size", "fields"), [("uname", 65, 6), ("olduname", 65, 5), ("oldolduname", 9, 5)]
)
def test_the_system_names_itself(world: World, call: str, size: int, fields: int) -> None:
    assert world.call(call, SCRATCH) == 0
    packed = world.task.memory.copy_in(SCRATCH, size * fields)
    names = [packed[n * size : (n + 1) * size].rstrip(b"\0") for n in range(fields)]
    assert names[:3] == [b"Linux", b"ringscope"[: size - 1], b"6.1.0"]
    assert names[4] == b"x86_64"
    assert UTSNAME_FIELD == 65


def test_memory_is_told_in_units_that_fit(world: World) -> None:
    assert world.call("sysinfo", SCRATCH) == 0
    fields = world.get(SYSINFO[world.abi.word])
    unit = fields[-1]
    assert fields[4] * unit == world.kernel.physical.size
    assert 0 < fields[5] < fields[4]


def test_random_bytes_come_from_the_kernel_and_long_requests_cross_pages(world: World) -> None:
    assert world.call("getrandom", SCRATCH + 10, 3 * PAGE, 0) == 3 * PAGE
    assert world.task.memory.copy_in(SCRATCH + 10, 3) == b"\1\2\3"


def test_a_map_of_no_open_file_is_refused(world: World) -> None:
    class NoFiles:
        def get(self, descriptor: int) -> None:
            raise Errno(EBADF)

    world.task.files = NoFiles()  # type: ignore[assignment]  # all of it that mmap asks
    call = "mmap2" if world.abi.word == 4 else "mmap"
    assert world.call(call, 0, PAGE, RW, MAP_PRIVATE, 5, 0) == -EBADF
