"""CPUID and the time-stamp counter: what the processor says of itself.

CPUID shows what the engine really executes and what this project keeps deterministic, so that libc
chooses code that runs. The time stamp counts the instructions executed before it, no host's time.
SDM 2A, "CPUID"; SDM 3B, "Time-Stamp Counter".
"""

from __future__ import annotations

from typing import Final, TypeAlias

from emu.cpu.counters import Counter
from emu.cpu.engine import Engine
from emu.cpu.probe import known_cpuid
from emu.errors import UsageError
from emu.x86.registers import RAX, RBX, RCX, RDX
from emu.x86.vendors import AMD, INTEL, Vendor

# Leaf 1, ECX.
AVX: Final = 1 << 28
RDRAND: Final = 1 << 30
HYPERVISOR: Final = 1 << 31
# Leaf 7, EBX.
RDSEED: Final = 1 << 18

_MASKS: Final = {(1, 0): (0, 0, RDRAND | HYPERVISOR, 0), (7, 0): (0, RDSEED, 0, 0)}
_SUBLEAVES: Final = {4: 4, 7: 1, 0xB: 2, 0xD: 9}  # how many a leaf has
# Leaf 8000_0001, EDX: SYSCALL, NX and long mode.
_NEEDED: Final = 1 << 11 | 1 << 20 | 1 << 29
_BASIC: Final = range(0xE)
_EXTENDED: Final = range(0x8000_0000, 0x8000_001F)
_STATES: Final = 0xD  # the leaf of XSAVE's state components
_AVX_STATE: Final = 1 << 2
_WITHOUT_AVX: Final = 576  # bytes of an XSAVE area: the FXSAVE area and the header
_LOW: Final = 0xFFFF_FFFF
_NOTHING: Final = (0, 0, 0, 0)


Leaves: TypeAlias = dict[tuple[int, int], tuple[int, int, int, int]]


def hook_features(engine: Engine, leaves: Leaves, counter: Counter) -> None:
    """Answers CPUID, RDTSC and RDTSCP of `engine` from now on."""
    engine.leaves = leaves
    state = engine.state
    words = state.words

    def cpuid() -> None:
        leaf = words[RAX] & _LOW
        key = (leaf, words[RCX] & _LOW if leaf in _SUBLEAVES else 0)
        words[RAX], words[RBX], words[RCX], words[RDX] = leaves.get(key, _NOTHING)

    def rdtsc() -> None:
        total = counter.retired_before(state.rip)
        words[RAX], words[RDX] = total & _LOW, total >> 32

    def rdtscp() -> None:
        rdtsc()
        words[RCX] = state.tsc_aux

    engine.hook_cpuid(cpuid)
    engine.hook_rdtsc(rdtsc)
    engine.hook_rdtscp(rdtscp)


def cpuid_leaves(engine: Engine, vendor: Vendor | None) -> tuple[Leaves, Vendor]:
    """Every leaf (leaf, subleaf) as the guest sees it, and the vendor; asked before paging is on.

    Without a `vendor` it is the model's own.

    Raises:
        UsageError: the model has no long mode.
    """
    keys = [(leaf, sub) for leaf in (*_BASIC, *_EXTENDED) for sub in range(_SUBLEAVES.get(leaf, 1))]
    leaves = dict(zip(keys, known_cpuid(engine, keys), strict=True))
    if leaves[0x8000_0001, 0][3] & _NEEDED != _NEEDED:
        raise UsageError(f"the CPU model {engine.model} has no 64-bit mode: choose another --cpu")
    for key, masks in _MASKS.items():
        leaves[key] = tuple(v & ~m for v, m in zip(leaves[key], masks, strict=True))  # type: ignore[assignment]  # four values stay four
    _hide_states(leaves)
    _, ebx, ecx, edx = leaves[0, 0]
    if vendor is None:
        vendor = INTEL if _name(ebx, ecx, edx) == INTEL.cpuid_name else AMD
    name = vendor.cpuid_name.encode()
    ebx, edx, ecx = (int.from_bytes(name[i : i + 4], "little") for i in (0, 4, 8))
    for leaf in (_BASIC[0], _EXTENDED[0]):
        leaves[leaf, 0] = (leaves[leaf, 0][0], ebx, ecx, edx)
    return leaves, vendor


def _hide_states(leaves: Leaves) -> None:
    """XSAVE saves the state of AVX only where there is AVX."""
    eax, ebx, ecx, edx = leaves[_STATES, 0]
    if not leaves[1, 0][2] & AVX and eax & _AVX_STATE:
        leaves[_STATES, 0] = (eax & ~_AVX_STATE, ebx, min(ecx, _WITHOUT_AVX), edx)
        leaves[_STATES, 2] = _NOTHING


def _name(ebx: int, ecx: int, edx: int) -> str:
    """The vendor's name in leaf 0."""
    return b"".join(word.to_bytes(4, "little") for word in (ebx, edx, ecx)).decode(
        "ascii", "replace"
    )
