"""The order of the rooms, as data, and the proof that every import of the tree keeps it.

Read `ROOMS` from top to bottom: a module imports its own room or a room above it in that list.
An import counts wherever it stands: in a function, under TYPE_CHECKING, in a `try`.
"""

from __future__ import annotations

import ast
import graphlib
import sys
from collections.abc import Callable, Iterator, Mapping
from typing import Final

import pytest

from tests.source_tree import PACKAGES, Import, Module, Tree, imports, parse, the_tree

# Lower first. A name stands for the module and all below it; a package's own name, for its
# `__init__` alone.
ROOMS: Final[tuple[tuple[str, ...], ...]] = (
    ("emu.errors",),
    ("emu.x86",),
    ("emu.events",),
    ("emu.hooks",),
    ("emu.memory",),
    ("emu.cpu",),
    ("emu.load",),
    ("emu.watch",),
    ("emu.machine",),
    ("emu.testing",),
    ("emu.debug",),
    ("emu.gdb",),
    ("emu.console",),
    ("emu",),
    ("kernel_stub.layout",),
    ("kernel_stub.abi",),
    ("kernel_stub.errno",),
    ("kernel_stub.errors",),
    ("kernel_stub.mm",),
    ("kernel_stub.usermem",),
    ("kernel_stub.vfs",),
    ("kernel_stub.net",),
    ("kernel_stub.pending",),
    ("kernel_stub.futexes",),
    ("kernel_stub.waits",),
    ("kernel_stub.timers",),
    ("kernel_stub.process",),
    ("kernel_stub.protocol",),
    ("kernel_stub.task",),
    ("kernel_stub.jobs",),
    ("kernel_stub.signalling",),
    ("kernel_stub.arrivals",),
    ("kernel_stub.limits",),
    ("kernel_stub.tracing",),
    ("kernel_stub.syscalls",),
    ("kernel_stub.calls",),
    ("kernel_stub.vdso",),
    ("kernel_stub.clock",),
    ("kernel_stub.trace",),
    ("kernel_stub.vsyscall",),
    ("kernel_stub.exec",),
    ("kernel_stub.entry",),
    ("kernel_stub.kallsyms",),
    ("kernel_stub.faults",),
    ("kernel_stub.boot",),
    ("kernel_stub.contexts",),
    ("kernel_stub.clock",),
    ("kernel_stub.turns",),
    ("kernel_stub.scheduler",),
    ("kernel_stub.tasks",),
    ("kernel_stub.task_tables",),
    ("kernel_stub.observer",),
    ("kernel_stub.ring_three",),
    ("kernel_stub.services",),
    ("kernel_stub.deliveries",),
    ("kernel_stub.exceptions",),
    ("kernel_stub.kernel",),
    ("kernel_stub.launch",),
    ("kernel_stub",),
    ("emu.cli", "emu.__main__"),
)
# Rooms of facts: they import nothing of ours but themselves.
ALONE: Final = ("emu.errors", "emu.x86")
# The rooms of emu that may know the kernel: whoever brings another kernel uses all the others.
ABOVE_THE_KERNEL: Final = ("emu.cli", "emu.__main__")
# Who may import what is not ours. The standard library, ctypes apart, is open to all.
DOORS: Final[Mapping[str, tuple[str, ...]]] = {
    "unicorn": ("emu.cpu.engine",),
    "elftools": ("emu.load.elf", "emu.load.lines"),
    "capstone": ("emu.watch.disasm",),
    "system_calls": ("kernel_stub.abi.numbers",),
    "ctypes": ("emu.cpu",),
    "pytest": ("emu.testing",),
}


Rule = Callable[[Tree], list[str]]


def within(name: str, member: str) -> bool:
    """Whether `name` is `member` or, unless that is the top of a package, stands below it."""
    return name == member or (member not in PACKAGES and name.startswith(member + "."))


def room_of(name: str) -> int | None:
    for index, room in enumerate(ROOMS):
        if any(within(name, member) for member in room):
            return index
    return None


def is_ours(name: str) -> bool:
    return name.partition(".")[0] in PACKAGES


def module_of(target: str, tree: Tree) -> str:
    """The module that `target` names, or in which it is a name."""
    parent = target.rpartition(".")[0]
    is_module = target in tree or any(target in room for room in ROOMS)
    return parent if parent in tree and not is_module else target


def edges(tree: Tree) -> Iterator[tuple[Module, Import, str]]:
    """Each import of one of our modules by another."""
    for module in tree.values():
        for found in imports(module):
            if is_ours(found.target):
                yield module, found, module_of(found.target, tree)


def modules_without_a_room(tree: Tree) -> list[str]:
    return [f"{name}: no room in ROOMS holds it" for name in tree if room_of(name) is None]


def upward_imports(tree: Tree) -> list[str]:
    complaints = []
    for module, found, target in edges(tree):
        here, there = room_of(module.name), room_of(target)
        if here is not None and there is not None and there > here:
            complaints.append(f"{module.name}:{found.line}: imports {target}, which stands higher")
    return complaints


def company_of_the_alone(tree: Tree) -> list[str]:
    return [
        f"{module.name}:{found.line}: imports {target}, but its room imports only itself"
        for module, found, target in edges(tree)
        for room in ALONE
        if within(module.name, room) and not within(target, room)
    ]


def kernel_below_the_command(tree: Tree) -> list[str]:
    return [
        f"{module.name}:{found.line}: imports {target}; emu must work with any kernel"
        for module, found, target in edges(tree)
        if module.name.startswith("emu")
        and target.startswith("kernel_stub")
        and not any(within(module.name, room) for room in ABOVE_THE_KERNEL)
    ]


def cycles(tree: Tree) -> list[str]:
    graph: dict[str, set[str]] = {name: set() for name in tree}
    for module, _, target in edges(tree):
        if target != module.name:
            graph[module.name].add(target)
    try:
        graphlib.TopologicalSorter(graph).prepare()
    except graphlib.CycleError as error:
        return ["a cycle: " + " <- ".join(error.args[1])]
    return []


def star_imports(tree: Tree) -> list[str]:
    return [
        f"{module.name}:{found.line}: star import of {found.target}"
        for module in tree.values()
        for found in imports(module)
        if found.star
    ]


def second_doors(tree: Tree) -> list[str]:
    complaints = []
    for module in tree.values():
        for found in imports(module):
            library = found.target.partition(".")[0]
            if is_ours(library) or (library in sys.stdlib_module_names and library not in DOORS):
                continue
            if not any(within(module.name, door) for door in DOORS.get(library, ())):
                complaints.append(f"{module.name}:{found.line}: is no door to {library}")
    return complaints


# A package that imports modules of its own by their names, when they are asked for.
LATE_PACKAGES: Final = ("kernel_stub.syscalls",)


def imports_by_string(tree: Tree) -> list[str]:
    return [
        f"{module.name}:{node.lineno}: imports by a string, which hides the way it points"
        for module in tree.values()
        if module.name not in LATE_PACKAGES
        for node in ast.walk(module.tree)
        if isinstance(node, ast.Call)
        and (
            (isinstance(node.func, ast.Name) and node.func.id in ("__import__", "import_module"))
            or (isinstance(node.func, ast.Attribute) and node.func.attr == "import_module")
        )
    ]


RULES: Final[tuple[Rule, ...]] = (
    modules_without_a_room,
    upward_imports,
    company_of_the_alone,
    kernel_below_the_command,
    cycles,
    star_imports,
    second_doors,
    imports_by_string,
)


@pytest.fixture(scope="module")
def tree() -> Tree:
    return the_tree()


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_the_tree_has_no(rule: Rule, tree: Tree) -> None:
    complaints = rule(tree)
    assert not complaints, "\n".join(complaints)


def test_the_tree_is_read_at_all(tree: Tree) -> None:
    assert {"emu", "emu.errors", "kernel_stub"} <= tree.keys()


def test_the_rooms_of_emu_that_may_know_the_kernel_are_those_above_it() -> None:
    kernel = ROOMS.index(("kernel_stub",))
    above = [name for room in ROOMS[kernel + 1 :] for name in room]
    assert tuple(above) == ABOVE_THE_KERNEL


Sources = Mapping[str, str]
EMPTY_PACKAGES: Final = {
    "emu": "",
    "emu.x86": "",
    "emu.cpu": "",
    "emu.watch": "",
    "kernel_stub": "",
}


def parsed(sources: Sources) -> Tree:
    named = EMPTY_PACKAGES | dict(sources)
    return {name: parse(name, text, name in EMPTY_PACKAGES) for name, text in named.items()}


# (rule, the sources that break it, what the complaint names)
BROKEN: Final[tuple[tuple[Rule, Sources, str], ...]] = (
    (modules_without_a_room, {"emu.utils": ""}, "emu.utils"),
    (modules_without_a_room, {"kernel_stub.helpers.misc": ""}, "kernel_stub.helpers.misc"),
    (upward_imports, {"emu.events": "import emu.cpu.engine"}, "emu.cpu"),
    (upward_imports, {"emu.memory.a": "from emu.cpu import state"}, "emu.cpu"),
    (upward_imports, {"emu.cpu.a": "from emu import machine"}, "emu.machine"),
    (upward_imports, {"emu.cpu.a": "from .. import machine"}, "emu.machine"),
    (upward_imports, {"emu.cpu.a": "from ..machine import Machine"}, "emu.machine"),
    (upward_imports, {"emu.cpu.a": "from emu import Machine"}, "emu,"),
    (upward_imports, {"emu.load.a": "def f():\n    import emu.watch.ledger"}, "emu.load.a:2"),
    (
        upward_imports,
        {"emu.hooks": "if TYPE_CHECKING:\n    from emu.cpu.state import State"},
        "emu.hooks:2",
    ),
    (upward_imports, {"kernel_stub.errno": "import kernel_stub.task"}, "kernel_stub.task"),
    (upward_imports, {"kernel_stub.boot": "from emu.cli import main"}, "emu.cli"),
    (company_of_the_alone, {"emu.x86.a": "from emu.errors import UsageError"}, "emu.errors"),
    (company_of_the_alone, {"emu.errors": "import emu.x86.gates"}, "emu.x86"),
    (kernel_below_the_command, {"emu.machine": "import kernel_stub.boot"}, "kernel_stub.boot"),
    (kernel_below_the_command, {"emu": "from kernel_stub import boot"}, "kernel_stub.boot"),
    (
        cycles,
        {"emu.x86.a": "import emu.x86.b", "emu.x86.b": "def f():\n    from emu.x86 import a"},
        "emu.x86.a",
    ),
    (
        cycles,
        {
            "emu.cpu.a": "from . import b",
            "emu.cpu.b": "from .c import x",
            "emu.cpu.c": "if TYPE_CHECKING:\n    import emu.cpu.a",
        },
        "emu.cpu.c",
    ),
    (cycles, {"emu.cpu": "from emu.cpu.a import A", "emu.cpu.a": "from emu.cpu import B"}, "emu"),
    (star_imports, {"emu.x86.a": "from emu.x86.b import *"}, "emu.x86.b"),
    (star_imports, {"emu.cpu.engine": "from unicorn import *"}, "unicorn"),
    (second_doors, {"emu.cpu.state": "import unicorn"}, "unicorn"),
    (second_doors, {"emu.cpu.a": "def f():\n    from unicorn.x86_const import X"}, "emu.cpu.a:2"),
    (second_doors, {"emu.load.place": "from elftools.elf import elffile"}, "elftools"),
    (second_doors, {"emu.watch.report": "import capstone"}, "capstone"),
    (second_doors, {"kernel_stub.mm": "import ctypes.util"}, "ctypes"),
    (second_doors, {"emu.cpu.engine": "import numpy"}, "numpy"),
    (second_doors, {"emu.machine": "from tests import conftest"}, "tests"),
    (imports_by_string, {"emu.machine": "__import__('unicorn')"}, "emu.machine:1"),
    (imports_by_string, {"emu.machine": "importlib.import_module('unicorn')"}, "emu.machine:1"),
)


@pytest.mark.parametrize(("rule", "sources", "named"), BROKEN)
def test_a_broken_tree_is_complained_of(rule: Rule, sources: Sources, named: str) -> None:
    complaints = rule(parsed(sources))
    assert len(complaints) == 1
    assert named in complaints[0]


def test_each_rule_is_proved_able_to_fail() -> None:
    assert {rule for rule, _, _ in BROKEN} == set(RULES)


GOOD: Final[tuple[Sources, ...]] = (
    {"emu.x86.a": "from emu.x86 import b\nimport struct", "emu.x86.b": "from enum import IntEnum"},
    {"emu.cpu.engine": "import ctypes\nimport unicorn\nfrom emu.memory.a import A"},
    {"emu.cpu": "from emu.cpu.a import A", "emu.cpu.a": "from . import b", "emu.cpu.b": ""},
    {
        "emu.cli.run": "from kernel_stub.boot import boot",
        "emu.__main__": "from emu.cli import main",
    },
    {"kernel_stub.boot": "from emu.machine import Machine\nfrom emu import Machine"},
)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
@pytest.mark.parametrize("sources", GOOD)
def test_a_good_tree_passes(rule: Rule, sources: Sources) -> None:
    assert rule(parsed(sources)) == []
