"""The system calls of one ABI by number: who answers, and how often each was asked.

It turns Errno into the negative number that the program sees; nothing else does. A number without
a handler is -ENOSYS, counted and reported. syscall(2), "Return value".
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Final

from kernel_stub.abi.abi import Abi
from kernel_stub.errno import ENOSYS, Errno
from kernel_stub.syscalls import bind, find

if TYPE_CHECKING:
    from kernel_stub.task import Task

Bound = Callable[["Task", tuple[int, ...]], int]
_UNKNOWN: Final = "syscall_{}"


class CallTable:
    """The calls of `abi`. `counts` is by number."""

    def __init__(self, abi: Abi) -> None:
        self.abi = abi
        self.counts: dict[int, int] = {}
        self._bound: dict[int, Bound] = {}

    def invoke(self, task: Task, number: int, arguments: tuple[int, ...]) -> int:
        """Answers call `number`: its result, or a negative error number."""
        counts = self.counts
        counts[number] = counts.get(number, 0) + 1
        handler = self._bound.get(number) or self._find(number)
        if handler is None:
            return -ENOSYS
        try:
            return handler(task, arguments)
        except Errno as error:
            return -error.number

    def again(self, task: Task, number: int, arguments: tuple[int, ...]) -> int:
        """The same for a call that had to wait, and was counted then."""
        self.counts[number] -= 1
        return self.invoke(task, number, arguments)

    def _find(self, number: int) -> Bound | None:
        call = find(self.abi.numbers.get(number, ""))
        if call is None:
            return None
        handler = self._bound[number] = bind(call, self.abi.word)
        return handler

    def name(self, number: int) -> str:
        """The call's name; `syscall_N` for a number that Linux has not given away."""
        return self.abi.numbers.get(number, _UNKNOWN.format(number))

    def answers(self, number: int) -> bool:
        """Whether a handler was found for `number` when it was asked."""
        return number in self._bound


def counted(tables: Iterable[CallTable]) -> tuple[dict[str, int], dict[str, int]]:
    """How often each call was made, by name in whatever ABI, and those that nobody answers."""
    counts: dict[str, int] = {}
    unknown: dict[str, int] = {}
    for table in tables:
        for number, count in table.counts.items():
            name = table.name(number)
            counts[name] = counts.get(name, 0) + count
            if not table.answers(number):
                unknown[name] = unknown.get(name, 0) + count
    return counts, unknown
