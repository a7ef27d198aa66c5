"""The system calls: importing this package registers every handler in `REGISTRY`."""

from __future__ import annotations

from typing import Final

from kernel_stub.syscalls import (
    attributes,
    descriptors,
    directories,
    extents,
    files,
    futex,
    identity,
    io,
    ldt,
    memory,
    metadata,
    pipes,
    polling,
    ports,
    process,
    resources,
    scheduling,
    signals,
    system,
    time,
    tls,
    transfers,
    xattrs,
)
from kernel_stub.syscalls.table import REGISTRY, bind

MODULES: Final = (
    attributes,
    descriptors,
    directories,
    extents,
    files,
    futex,
    identity,
    io,
    ldt,
    memory,
    metadata,
    pipes,
    polling,
    ports,
    process,
    resources,
    scheduling,
    signals,
    system,
    time,
    tls,
    transfers,
    xattrs,
)

__all__ = ["MODULES", "REGISTRY", "bind"]
