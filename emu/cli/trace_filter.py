"""Which system calls `trace -e SET` asks for: names, classes, and all but these.

Classes are sets of kinds of arguments, so that a new call is in the right ones by its row. It knows
names only. strace(1), "FILTERING": trace=syscall_set.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

from emu.errors import UsageError
from kernel_stub.abi.abi import I386, X86_64
from kernel_stub.trace.table import ARGUMENTS

_PREFIX: Final = re.compile(r"^(?:trace|t)=")
_OTHER: Final = re.compile(r"([a-z-]+)=")
_MEMORY: Final = frozenset(
    "brk madvise mincore mlock mlock2 mlockall mmap mmap2 mprotect mremap msync munlock munlockall "
    "munmap".split()
)
_PROCESS: Final = frozenset(
    "clone clone3 execve execveat exit exit_group fork vfork wait4 waitid waitpid".split()
)
_CLASSES: Final[dict[str, Callable[[str], bool]]] = {
    "file": lambda name: "path" in _kinds(name) or name in ("execve", "getcwd"),
    "desc": lambda name: bool({"fd", "dirfd", "fd_pair", "pollfds_in"} & _kinds(name)),
    "memory": lambda name: name in _MEMORY,
    "process": lambda name: name in _PROCESS,
    "signal": lambda name: "sig" in name or name in ("kill", "tkill", "tgkill", "pause"),
    "network": lambda name: "socket" in name,
    "clock": lambda name: name.startswith("clock_") or name in ("gettimeofday", "time"),
}


def _kinds(name: str) -> set[str]:
    return set(ARGUMENTS.get(name, "").split())


def parse_filter(text: str) -> Callable[[str], bool]:
    """Whether a call of a name is asked for by `text`. Raises UsageError."""
    wanted = _PREFIX.sub("", text, count=1)
    if other := _OTHER.match(wanted):
        raise UsageError(f"-e {other[1]}= is not known here; -e SET, or -e trace=SET")
    negated = wanted.startswith("!")
    tests = [_one(word) for word in wanted.removeprefix("!").split(",")]
    return lambda name: any(test(name) for test in tests) != negated


def _one(word: str) -> Callable[[str], bool]:
    if word == "all":
        return lambda name: True
    if word == "none":
        return lambda name: False
    if word.startswith("/"):
        return _pattern(word[1:])
    if word.startswith("%"):
        found = _CLASSES.get(word[1:])
        if found is None:
            raise UsageError(
                f"no class {word}; known: {', '.join('%' + name for name in _CLASSES)}"
            )
        return found
    plain = word.removeprefix("?")
    known = {*X86_64.numbers.values(), *I386.numbers.values()}
    if plain not in known and plain == word:
        raise UsageError(f"no system call {word!r}; `ringscope syscalls {word}` may find it")
    return lambda name: name == plain


def _pattern(text: str) -> Callable[[str], bool]:
    try:
        pattern = re.compile(text)
    except re.error as error:
        raise UsageError(f"/{text} is no pattern: {error}") from None
    return lambda name: pattern.search(name) is not None
