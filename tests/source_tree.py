"""The project's own files, read and parsed: what the guards of layers and of style look at.

It knows files, modules and their imports; which of them are allowed, it does not know.
"""

from __future__ import annotations

import ast
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final, NamedTuple

ROOT: Final = Path(__file__).resolve().parent.parent
PACKAGES: Final = ("emu", "kernel_stub")


class Module(NamedTuple):
    """One parsed file. `package` is what a relative import starts from."""

    name: str
    package: str
    source: str
    tree: ast.Module


class Import(NamedTuple):
    """One imported name: `target` is a module, or a module and a name in it."""

    line: int
    target: str
    star: bool


Tree = Mapping[str, Module]


def parse(name: str, source: str, is_package: bool) -> Module:
    package = name if is_package else name.rpartition(".")[0]
    return Module(name, package, source, ast.parse(source))


def module_name(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def the_tree() -> Tree:
    paths = [path for package in PACKAGES for path in sorted((ROOT / package).rglob("*.py"))]
    modules = (
        parse(module_name(path), path.read_text("utf-8"), path.name == "__init__.py")
        for path in paths
    )
    return {module.name: module for module in modules}


def origin(module: Module, node: ast.ImportFrom) -> str:
    """The module that a `from` import names, with its dots resolved."""
    if not node.level:
        return node.module or ""
    parts = module.package.split(".")
    base = parts[: len(parts) - node.level + 1]
    return ".".join([*base, node.module] if node.module else base)


def imports(module: Module) -> Iterator[Import]:
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield Import(node.lineno, alias.name, star=False)
        elif isinstance(node, ast.ImportFrom):
            source = origin(module, node)
            for alias in node.names:
                star = alias.name == "*"
                yield Import(node.lineno, source if star else f"{source}.{alias.name}", star)


# Directories that tools make; a name with a dot before it is theirs too, `.ci` apart.
MADE_BY_TOOLS: Final = ("__pycache__", "build", "dist")


def is_of_the_project(directory: str) -> bool:
    if directory.startswith("."):
        return directory == ".ci"
    return directory not in MADE_BY_TOOLS and not directory.endswith(".egg-info")


def files() -> Iterator[Path]:
    """Every file of the project, in a fixed order, whether or not it is committed yet."""
    for folder, directories, names in os.walk(ROOT):
        directories[:] = sorted(filter(is_of_the_project, directories))
        for name in sorted(names):
            yield Path(folder, name)


def texts() -> Iterator[tuple[str, str]]:
    """Every text file of the project: its path below the root, and what it says."""
    for path in files():
        content = path.read_bytes()
        if b"\0" in content:
            continue
        try:
            yield path.relative_to(ROOT).as_posix(), content.decode("utf-8")
        except UnicodeDecodeError:
            continue
