"""The auxiliary vector: what the kernel tells a program about itself.

The keys, and their order as Linux 6.1 writes them. It does not know where a program lies.
getauxval(3).
"""

from __future__ import annotations

from typing import Final

AT_NULL: Final = 0
AT_PHDR: Final = 3
AT_PHENT: Final = 4
AT_PHNUM: Final = 5
AT_PAGESZ: Final = 6
AT_BASE: Final = 7
AT_FLAGS: Final = 8
AT_ENTRY: Final = 9
AT_UID: Final = 11
AT_EUID: Final = 12
AT_GID: Final = 13
AT_EGID: Final = 14
AT_PLATFORM: Final = 15
AT_HWCAP: Final = 16
AT_CLKTCK: Final = 17
AT_SECURE: Final = 23
AT_RANDOM: Final = 25
AT_HWCAP2: Final = 26
AT_EXECFN: Final = 31
AT_SYSINFO: Final = 32
AT_SYSINFO_EHDR: Final = 33
AT_MINSIGSTKSZ: Final = 51

CLOCK_TICKS: Final = 100
HWCAP2_FSGSBASE: Final = 1 << 1

ORDER: Final = (
    AT_SYSINFO,
    AT_SYSINFO_EHDR,
    AT_MINSIGSTKSZ,
    AT_HWCAP,
    AT_PAGESZ,
    AT_CLKTCK,
    AT_PHDR,
    AT_PHENT,
    AT_PHNUM,
    AT_BASE,
    AT_FLAGS,
    AT_ENTRY,
    AT_UID,
    AT_EUID,
    AT_GID,
    AT_EGID,
    AT_SECURE,
    AT_RANDOM,
    AT_HWCAP2,
    AT_EXECFN,
    AT_PLATFORM,
)


def auxv_words(values: dict[int, int]) -> list[int]:
    """`values` as the words on the stack, closed by AT_NULL; each key has a place in ORDER."""
    places = {key: place for place, key in enumerate(ORDER)}
    words: list[int] = []
    for key in sorted(values, key=places.__getitem__):
        words += (key, values[key])
    return [*words, AT_NULL, 0]
