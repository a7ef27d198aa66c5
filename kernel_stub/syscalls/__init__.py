"""The system calls: importing this package registers every handler in `REGISTRY`."""

from __future__ import annotations

from kernel_stub.syscalls import (  # noqa: F401 - imported so that their handlers register
    attributes,
    children,
    creation,
    descriptors,
    directories,
    epoll,
    events,
    extents,
    files,
    futex,
    identity,
    io,
    ldt,
    locks,
    memory,
    messages,
    metadata,
    pipes,
    polling,
    ports,
    process,
    resources,
    scheduling,
    sending,
    signalfd,
    signals,
    socketcall,
    sockets,
    splicing,
    system,
    time,
    timerfd,
    tls,
    transfers,
    xattrs,
)
from kernel_stub.syscalls.table import REGISTRY, bind

__all__ = ["REGISTRY", "bind"]
