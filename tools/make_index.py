"""Writes the index of the system calls: which module of kernel_stub/syscalls answers which.

`--check` writes nothing and fails if the index is stale.
"""

from __future__ import annotations

import sys
import textwrap
from collections.abc import Iterable, Mapping
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules
from typing import Final

import kernel_stub.syscalls
from kernel_stub.syscalls.table import REGISTRY

PACKAGE: Final = kernel_stub.syscalls.__name__
INDEX: Final = Path(kernel_stub.syscalls.__file__).with_name("index.py")
WIDTH: Final = 88
HEAD: Final = '''"""Which module answers which calls. `make docs` writes it from the modules."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

HOMES: Final[Mapping[str, str]] = {
'''


def homes() -> dict[str, list[str]]:
    """The calls of each module that answers any, both in order."""
    for module in iter_modules(kernel_stub.syscalls.__path__):
        import_module(f"{PACKAGE}.{module.name}")
    found: dict[str, list[str]] = {}
    for name, call in sorted(REGISTRY.items()):
        found.setdefault(call.handler.__module__.rpartition(".")[2], []).append(name)
    return dict(sorted(found.items()))


def written(calls: Mapping[str, Iterable[str]]) -> str:
    """The text of the index."""
    rows = []
    for module, names in calls.items():
        lines = textwrap.wrap(" ".join(names), WIDTH)
        if len(lines) == 1:
            rows.append(f'    "{module}": "{lines[0]}",\n')
        else:
            parts = "".join(f'        "{line} "\n' for line in lines)
            rows.append(f'    "{module}": (\n{parts}    ),\n')
    return HEAD + "".join(rows) + "}\n"


def main(arguments: list[str]) -> int:
    text = written(homes())
    if INDEX.read_text("utf-8") == text:
        return 0
    if "--check" in arguments:
        sys.stderr.write("the index of the system calls is stale: run `make docs`\n")
        return 1
    INDEX.write_text(text, "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
