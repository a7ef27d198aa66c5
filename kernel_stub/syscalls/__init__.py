"""The system calls: importing this package registers every handler in `REGISTRY`."""

from __future__ import annotations

from kernel_stub.syscalls import (
    futex,
    identity,
    memory,
    process,
    resources,
    scheduling,
    signals,
    system,
    time,
    tls,
)
from kernel_stub.syscalls.table import REGISTRY, bind

MODULES = (
    futex,
    identity,
    memory,
    process,
    resources,
    scheduling,
    signals,
    system,
    time,
    tls,
)

__all__ = ["MODULES", "REGISTRY", "bind"]
