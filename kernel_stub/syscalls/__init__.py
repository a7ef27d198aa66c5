"""The system calls, by name. A module of handlers is imported when one of its calls is first made.

So a program that computes does not pay for sockets. Which module has which call stands in the
index, which `make docs` writes from the modules. It knows no numbers: those are the ABI's.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module

from kernel_stub.syscalls.index import HOMES
from kernel_stub.syscalls.table import REGISTRY, Call, bind

__all__ = ["Call", "bind", "every_call", "find"]

_MODULE_OF = {name: module for module, names in HOMES.items() for name in names.split()}


def find(name: str) -> Call | None:
    """The call of that name; None: nobody answers it."""
    call = REGISTRY.get(name)
    if call is None and name in _MODULE_OF:
        import_module(f"{__name__}.{_MODULE_OF[name]}")
        call = REGISTRY[name]
    return call


def every_call() -> Mapping[str, Call]:
    """All calls that have a handler, by name: imports every module."""
    for module in HOMES:
        import_module(f"{__name__}.{module}")
    return REGISTRY
