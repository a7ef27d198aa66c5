"""Capabilities and securebits: their numbers.

Facts only, the same in both ABIs. capabilities(7); linux/capability.h, linux/securebits.h.
"""

from __future__ import annotations

from typing import Final

CAP_CHOWN: Final = 0
CAP_DAC_OVERRIDE: Final = 1
CAP_DAC_READ_SEARCH: Final = 2
CAP_FOWNER: Final = 3
CAP_FSETID: Final = 4
CAP_KILL: Final = 5
CAP_SETGID: Final = 6
CAP_SETUID: Final = 7
CAP_SETPCAP: Final = 8
CAP_LINUX_IMMUTABLE: Final = 9
CAP_NET_BIND_SERVICE: Final = 10
CAP_IPC_LOCK: Final = 14
CAP_SYS_RAWIO: Final = 17
CAP_SYS_CHROOT: Final = 18
CAP_SYS_PTRACE: Final = 19
CAP_SYS_ADMIN: Final = 21
CAP_SYS_NICE: Final = 23
CAP_SYS_RESOURCE: Final = 24
CAP_MKNOD: Final = 27
CAP_MAC_OVERRIDE: Final = 32
CAP_CHECKPOINT_RESTORE: Final = 40
LAST_CAPABILITY: Final = 40
EVERY_CAPABILITY: Final = (1 << LAST_CAPABILITY + 1) - 1
# What setfsuid(2) takes away and gives back.
OF_FILES: Final = sum(
    1 << capability
    for capability in (
        CAP_CHOWN,
        CAP_DAC_OVERRIDE,
        CAP_DAC_READ_SEARCH,
        CAP_FOWNER,
        CAP_FSETID,
        CAP_LINUX_IMMUTABLE,
        CAP_MKNOD,
        CAP_MAC_OVERRIDE,
    )
)

# Securebits; the bit above each of the four locks it.
SECBIT_NOROOT: Final = 1 << 0
SECBIT_NO_SETUID_FIXUP: Final = 1 << 2
SECBIT_KEEP_CAPS: Final = 1 << 4
SECBIT_KEEP_CAPS_LOCKED: Final = 1 << 5
SECBIT_NO_CAP_AMBIENT_RAISE: Final = 1 << 6
EVERY_SECBIT: Final = 0xFFF
SECBIT_LOCKS: Final = 0xAAA
