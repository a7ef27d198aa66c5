"""CPUID and the time-stamp counter: what the processor says of itself.

CPUID shows what the engine really executes and what this project keeps deterministic, so that libc
chooses code that runs. The time stamp is the number of instructions executed, never the host's.
SDM 2A, "CPUID"; SDM 3B, "Time-Stamp Counter".
"""

from __future__ import annotations

from typing import Final, TypeAlias

from emu.cpu.counters import Counter
from emu.cpu.engine import Engine
from emu.cpu.probe import execute_cpuid
from emu.x86.registers import RAX, RBX, RCX, RDX
from emu.x86.vendors import Vendor

# Leaf 1, ECX.
RDRAND: Final = 1 << 30
HYPERVISOR: Final = 1 << 31
# Leaf 7, EBX.
RDSEED: Final = 1 << 18

_MASKS: Final = {(1, 0): (0, 0, RDRAND | HYPERVISOR, 0), (7, 0): (0, RDSEED, 0, 0)}
_SUBLEAVES: Final = {4: 4, 7: 1, 0xB: 2, 0xD: 9}  # how many a leaf has
_BASIC: Final = range(0xE)
_EXTENDED: Final = range(0x8000_0000, 0x8000_001F)
_LOW: Final = 0xFFFF_FFFF
_NOTHING: Final = (0, 0, 0, 0)


Leaves: TypeAlias = dict[tuple[int, int], tuple[int, int, int, int]]


def hook_features(engine: Engine, leaves: Leaves, counter: Counter) -> None:
    """Answers CPUID, RDTSC and RDTSCP of `engine` from now on."""
    state = engine.state
    words = state.words

    def cpuid() -> None:
        leaf = words[RAX] & _LOW
        key = (leaf, words[RCX] & _LOW if leaf in _SUBLEAVES else 0)
        words[RAX], words[RBX], words[RCX], words[RDX] = leaves.get(key, _NOTHING)

    def rdtsc() -> None:
        total = counter.user + counter.kernel
        words[RAX], words[RDX] = total & _LOW, total >> 32

    def rdtscp() -> None:
        rdtsc()
        words[RCX] = state.tsc_aux

    engine.hook_cpuid(cpuid)
    engine.hook_rdtsc(rdtsc)
    engine.hook_rdtscp(rdtscp)


def cpuid_leaves(engine: Engine, vendor: Vendor) -> Leaves:
    """Every leaf (leaf, subleaf) as the guest sees it; asked before paging is on."""
    keys = [(leaf, sub) for leaf in (*_BASIC, *_EXTENDED) for sub in range(_SUBLEAVES.get(leaf, 1))]
    leaves = dict(zip(keys, execute_cpuid(engine, keys), strict=True))
    for key, masks in _MASKS.items():
        leaves[key] = tuple(v & ~m for v, m in zip(leaves[key], masks, strict=True))  # type: ignore[assignment]  # four values stay four
    name = vendor.cpuid_name.encode()
    ebx, edx, ecx = (int.from_bytes(name[i : i + 4], "little") for i in (0, 4, 8))
    for leaf in (_BASIC[0], _EXTENDED[0]):
        leaves[leaf, 0] = (leaves[leaf, 0][0], ebx, ecx, edx)
    return leaves
