"""Resource limits: their numbers, and those a process starts with.

Facts only, the same in both ABIs. getrlimit(2), asm-generic/resource.h.
"""

from __future__ import annotations

from typing import Final

RLIMIT_CPU: Final = 0
RLIMIT_FSIZE: Final = 1
RLIMIT_DATA: Final = 2
RLIMIT_STACK: Final = 3
RLIMIT_CORE: Final = 4
RLIMIT_RSS: Final = 5
RLIMIT_NPROC: Final = 6
RLIMIT_NOFILE: Final = 7
RLIMIT_MEMLOCK: Final = 8
RLIMIT_AS: Final = 9
RLIMIT_LOCKS: Final = 10
RLIMIT_SIGPENDING: Final = 11
RLIMIT_MSGQUEUE: Final = 12
RLIMIT_NICE: Final = 13
RLIMIT_RTPRIO: Final = 14
RLIMIT_RTTIME: Final = 15

INFINITY: Final = (1 << 64) - 1
MOST_FILES: Final = 1 << 20  # fs.nr_open
_PROCESSES: Final = 4096
_UNLIMITED: Final = (INFINITY, INFINITY)

START: Final = {
    RLIMIT_CPU: _UNLIMITED,
    RLIMIT_FSIZE: _UNLIMITED,
    RLIMIT_DATA: _UNLIMITED,
    RLIMIT_STACK: (8 << 20, INFINITY),
    RLIMIT_CORE: (0, INFINITY),
    RLIMIT_RSS: _UNLIMITED,
    RLIMIT_NPROC: (_PROCESSES, _PROCESSES),
    RLIMIT_NOFILE: (1024, 1 << 19),
    RLIMIT_MEMLOCK: (8 << 20, 8 << 20),
    RLIMIT_AS: _UNLIMITED,
    RLIMIT_LOCKS: _UNLIMITED,
    RLIMIT_SIGPENDING: (_PROCESSES, _PROCESSES),
    RLIMIT_MSGQUEUE: (819200, 819200),
    RLIMIT_NICE: (0, 0),
    RLIMIT_RTPRIO: (0, 0),
    RLIMIT_RTTIME: _UNLIMITED,
}
