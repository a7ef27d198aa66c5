"""The registry of system calls: a name, a handler, typed parameters, and how well it is done.

A handler speaks man pages: it receives the task and decoded arguments, returns an int or raises
Errno. It sees neither registers nor rings; what an argument's register holds is decoded here from
the annotations of its parameters. Which number reaches which name is the ABI's matter.
syscall(2): "Architecture calling conventions".
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final, TypeAlias

if TYPE_CHECKING:
    from kernel_stub.task import Task

# What a parameter's annotation may say.
Int: TypeAlias = (
    int  # C int: the low 32 bits, signed (also a file descriptor, pid, mode_t with sign)
)
UInt: TypeAlias = int  # C unsigned int: the low 32 bits
Long: TypeAlias = int  # C long: the ABI's word, signed
ULong: TypeAlias = int  # C unsigned long or size_t: the ABI's word
Pointer: TypeAlias = int  # an address in the guest
Path: TypeAlias = bytes  # const char *: the string is copied in
Loff: TypeAlias = int  # loff_t: one 64-bit register, or two 32-bit registers (low, high)

FULL: Final = "full"
PARTIAL: Final = "partial"

Handler: TypeAlias = Callable[..., int]
REGISTRY: Final[dict[str, Call]] = {}


class Call:
    """One system call: its handler, its parameters' kinds, and what is missing of it."""

    __slots__ = ("handler", "kinds", "missing", "name", "names", "support")

    def __init__(self, name: str, handler: Handler, support: str, missing: str) -> None:
        self.name = name
        self.handler = handler
        self.support = support
        self.missing = missing
        notes = handler.__annotations__
        self.names = tuple(n for n in notes if n not in ("task", "return"))
        self.kinds: tuple[str, ...] = tuple(notes[n] for n in self.names)


def syscall(*names: str, support: str = FULL, missing: str = "") -> Callable[[Handler], Handler]:
    """Registers a handler under its own name, or under `names`.

    `support` is FULL or PARTIAL; PARTIAL says in `missing` what is not done.
    """
    assert (support == PARTIAL) == bool(missing), "PARTIAL, and only PARTIAL, says what is missing"

    def register(handler: Handler) -> Handler:
        for name in names or (handler.__name__,):
            assert name not in REGISTRY, f"two handlers for {name}"
            REGISTRY[name] = Call(name, handler, support, missing)
        return handler

    return register


def _signed(bits: int) -> Callable[[Task, int], int]:
    sign, mask = 1 << (bits - 1), (1 << bits) - 1
    return lambda task, value: ((value & mask) ^ sign) - sign


def _masked(bits: int) -> Callable[[Task, int], int]:
    mask = (1 << bits) - 1
    return lambda task, value: value & mask


def _path(task: Task, value: int) -> bytes:
    return task.memory.copy_in_string(value)


def _decoders(word: int) -> dict[str, Callable[[Task, int], Any]]:
    """How a register becomes an argument, in an ABI of `word` bytes."""
    return {
        "Int": _signed(32),
        "UInt": _masked(32),
        "Long": _signed(8 * word),
        "ULong": _masked(8 * word),
        "Pointer": _masked(8 * word),
        "Path": _path,
        "Loff": _signed(64),
    }


def bind(call: Call, word: int) -> Callable[[Task, tuple[int, ...]], int]:
    """`call` as a function of the task and its six registers, for words of `word` bytes."""
    handler = call.handler
    kinds = _decoders(word)
    if not call.kinds:
        return lambda task, registers: handler(task)
    steps: list[tuple[Callable[[Task, int], Any], int, bool]] = []
    register = 0
    for kind in call.kinds:
        pair = kind == "Loff" and word == 4
        steps.append((kinds[kind], register, pair))
        register += 2 if pair else 1
    if not any(pair for _, _, pair in steps):
        return _bind_plain(handler, [decode for decode, _, _ in steps])

    def with_pairs(task: Task, registers: tuple[int, ...]) -> int:
        return handler(
            task,
            *[
                decode(
                    task,
                    registers[i] & 0xFFFFFFFF | registers[i + 1] << 32 if pair else registers[i],
                )
                for decode, i, pair in steps
            ],
        )

    return with_pairs


def _bind_plain(
    handler: Handler, decode: list[Callable[[Task, int], Any]]
) -> Callable[[Task, tuple[int, ...]], int]:
    def plain(task: Task, registers: tuple[int, ...]) -> int:
        return handler(
            task, *[step(task, value) for step, value in zip(decode, registers, strict=False)]
        )

    return plain
