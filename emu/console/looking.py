"""Commands that read and change registers and memory. They never let the machine run."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

from emu.console.command import EXPRESSION, LOOKING, SETTING, Command
from emu.console.expressions import MASK, SIZES
from emu.console.session import Session
from emu.console.settings import OPTIONS
from emu.debug import tables
from emu.errors import UsageError
from emu.x86 import flags

_FORMAT: Final = re.compile(r"/(\d*)([a-z]*)\s*(.*)", re.DOTALL)
_UNITS: Final = {"b": 1, "h": 2, "w": 4, "g": 8}
_SHAPES: Final = "xduotacsi"
_MOST: Final = 10_000
_LINE: Final = 16  # bytes
_RULE: Final = 60  # columns
_LONGEST_STRING: Final = 4096
_ASSIGNED: Final = re.compile(r"(.*?[^=!<>])=(?!=)(.*)", re.DOTALL)
_TYPED: Final = re.compile(r"(?:\*\s*\(\s*(\w+)\s*\*\s*\)|\{\s*(\w+)\s*\})(.+)", re.DOTALL)


def _signed(value: int, size: int) -> int:
    return value - (1 << 8 * size) if value >> 8 * size - 1 else value


def _as_character(value: int) -> str:
    letter = chr(value & 0xFF)
    return (
        f"{_signed(value & 0xFF, 1)} {letter!r}" if 32 <= value & 0xFF < 127 else f"{value & 0xFF}"
    )


def shaped(session: Session, value: int, shape: str, size: int) -> str:
    """A number in one of gdb's formats."""
    value &= (1 << 8 * size) - 1
    shapes: dict[str, Callable[[], str]] = {
        "x": lambda: f"{value:#0{2 + 2 * size}x}",
        "d": lambda: str(_signed(value, size)),
        "u": lambda: str(value),
        "o": lambda: f"0{value:o}",
        "t": lambda: f"{value:b}",
        "a": lambda: session.symbols.describe(value),
        "c": lambda: _as_character(value),
    }
    return shapes[shape]()


def _format(text: str, shape: str, size: int) -> tuple[int, str, int, str]:
    """Count, shape, size and the rest of `/NFU REST`."""
    found = _FORMAT.match(text.strip())
    if found is None:
        return 1, shape, size, text.strip()
    for letter in found[2]:
        if letter in _UNITS:
            size = _UNITS[letter]
        elif letter in _SHAPES:
            shape = letter
        else:
            raise UsageError(f"no format {letter!r}; known: {' '.join(_SHAPES)}, sizes b h w g")
    count = int(found[1][:9]) if found[1] else 1
    if not 0 < count <= _MOST:
        raise UsageError(f"a count of {count} is out of bounds: 1 to {_MOST}")
    return count, shape, size, found[3]


def _examine(session: Session, text: str) -> None:
    count, shape, size, rest = _format(text, "x", 8)
    address = session.value(rest) if rest else session.examined
    if shape == "i":
        session.say_all(session.code(address, count, session.debugger.rip))
    elif shape == "s":
        for _ in range(count):
            address = _say_string(session, address)
    else:
        address = _say_numbers(session, address, count, shape, size)
    session.examined = address & MASK


def _say_string(session: Session, address: int) -> int:
    content = session.debugger.show_memory(address, _LONGEST_STRING)
    if not content:
        session.debugger.read_memory(address, 1)
    text, _, _ = content.partition(b"\0")
    shown = text.decode("latin-1").encode("unicode_escape").decode()
    session.say(f'{session.symbols.describe(address)}: "{shown}"')
    return address + len(text) + 1


def _say_numbers(session: Session, address: int, count: int, shape: str, size: int) -> int:
    per_line = 1 if shape == "a" else _LINE // size
    done = 0
    while done < count:
        here = min(per_line, count - done)
        start = address + done * size & MASK
        content = session.debugger.read_memory(start, here * size)
        numbers = (
            int.from_bytes(content[at : at + size], "little") for at in range(0, here * size, size)
        )
        shown = "  ".join(shaped(session, number, shape, size) for number in numbers)
        session.say_wrapped(f"{session.symbols.describe(start)}:  {shown}", 2)
        done += here
    return address + count * size


def _print(session: Session, text: str) -> None:
    _, shape, _, rest = _format(text, "", 8)
    value = session.value(rest)
    if shape in ("s", "i"):
        raise UsageError(f"print has no format {shape!r}: use x/{shape}")
    if shape:
        session.say(shaped(session, value, shape, 8))
    else:
        about = session.symbols.describe(value).partition(" ")[2]
        session.say(f"{_signed(value, 8)} = {value:#x} {about}".rstrip())


def _set(session: Session, text: str) -> None:
    words = text.split()
    if any(set_option(session, words) for set_option in OPTIONS):
        return
    found = _ASSIGNED.match(text.strip().removeprefix("var ").strip())
    if found is None:
        raise UsageError("set needs $REGISTER = VALUE, *(TYPE*)ADDRESS = VALUE, or an option")
    target, value = found[1].strip(), session.value(found[2])
    if target.startswith("$"):
        name = target[1:]
        _set_register(session, name, value)
        return
    typed = _TYPED.match(target)
    if typed is None:
        raise UsageError(f"cannot set {target!r}: give $REGISTER or *(TYPE*)ADDRESS")
    size = SIZES.get(typed[1] or typed[2])
    if size is None:
        raise UsageError(f"no type {typed[1] or typed[2]!r}; known: {', '.join(SIZES)}")
    content = (value & (1 << 8 * size) - 1).to_bytes(size, "little")
    session.debugger.write_memory(session.value(typed[3]), content)


def _set_register(session: Session, name: str, value: int) -> None:
    """A register, or one flag by its name."""
    bit = flags.NAMES.get(name.upper())
    if bit is not None and name.lower() not in ("cs", "ss"):
        rflags = session.debugger.read_register("rflags")
        value = rflags | bit if value & 1 else rflags & ~bit
        name = "rflags"
    elif value >> 63:
        value -= 1 << 64
    session.debugger.write_register(name, value)


def _display(session: Session, text: str) -> None:
    if text.strip():
        session.value(text)
        session.displays[session.next_display] = text.strip()
        session.next_display += 1
    for number, shown in session.displays.items():
        session.say(f"{number}: {shown} = {session.value(shown):#x}")


def _undisplay(session: Session, text: str) -> None:
    if not text.strip():
        session.displays.clear()
    elif not text.strip().isdecimal() or int(text.strip()[:9]) not in session.displays:
        raise UsageError(f"no display {text.strip()!r}")
    else:
        del session.displays[int(text.strip()[:9])]


def _telescope(session: Session, text: str) -> None:
    words = text.split()
    address = session.value(words[0]) if words else session.register("rsp")
    count = session.number(words[1], 8, _MOST) if len(words) > 1 else 8
    session.say_all(telescope_lines(session, address, count))


def telescope_lines(session: Session, address: int, count: int) -> list[str]:
    """`count` words at `address`, each followed through what it points to."""
    size = 8 if session.debugger.engine.state.in_64bit_mode else 4
    lines = []
    for index in range(count):
        at = address + index * size & MASK
        lines.append(f"{index * size:04x} {at:#x} {_chain(session, at, size)}")
    return lines


def _chain(session: Session, address: int, size: int) -> str:
    chain = ""
    for _ in range(4):
        content = session.debugger.show_memory(address, size)
        if len(content) < size:
            break
        address = int.from_bytes(content, "little")
        chain += f"-> {session.symbols.describe(address)} "
    return chain.rstrip() or "(no page here yet)"


def _context(session: Session, _: str) -> None:
    for title, lines in (
        ("registers", _short_registers(session)),
        ("code", session.code(session.debugger.rip, 6, session.debugger.rip)),
        ("stack", telescope_lines(session, session.register("rsp"), 4)),
    ):
        session.say(f"--- {title} ".ljust(min(_RULE, session.columns()), "-"), "title")
        session.say_all(lines)


def _short_registers(session: Session) -> list[str]:
    names = "rax rbx rcx rdx rsi rdi rbp rsp r8 r9 r10 r11 r12 r13 r14 r15".split()
    cells = [f"{name:<4}{session.register(name):#x}".ljust(26) for name in names]
    in_a_row = max(1, min(3, session.columns() // 26))
    lines = ["".join(cells[at : at + in_a_row]).rstrip() for at in range(0, len(cells), in_a_row)]
    rflags = flags.describe(session.register("rflags"))
    return [*lines, f"rip {session.symbols.describe(session.debugger.rip)}  [{rflags}]"]


def _registers(session: Session, _: str) -> None:
    session.say_all(tables.general(session.debugger, session.symbols))
    session.say_all(tables.eflags(session.debugger))


COMMANDS: Final = (
    Command(
        ("x",),
        "x[/NFU] [ADDRESS]",
        "Show memory: N units, F of x d u o t a c s i, U of b h w g; without ADDRESS, go on.",
        LOOKING,
        _examine,
        EXPRESSION,
        True,
    ),
    Command(
        ("print", "p"),
        "print[/F] EXPRESSION",
        "Show a value: numbers, $registers, symbols, *(u64*)ADDRESS, C's operators.",
        LOOKING,
        _print,
        EXPRESSION,
    ),
    Command(
        ("set",),
        "set $REGISTER = VALUE | *(TYPE*)ADDRESS = VALUE | disassembly-flavor intel|att | ...",
        "Change a register (also $zf, $cr0, $lstar), memory, or an option.",
        LOOKING,
        _set,
        SETTING,
    ),
    Command(
        ("display",),
        "display [EXPRESSION]",
        "Show the value at each stop.",
        LOOKING,
        _display,
        EXPRESSION,
    ),
    Command(("undisplay",), "undisplay [N]", "Stop showing it, or all.", LOOKING, _undisplay),
    Command(("context", "ctx"), "context", "Show registers, code and stack.", LOOKING, _context),
    Command(("regs",), "regs", "Show the general registers.", LOOKING, _registers),
    Command(
        ("telescope", "tel"),
        "telescope [ADDRESS] [N]",
        "Show words of memory, the stack's by default, and what they point to.",
        LOOKING,
        _telescope,
        EXPRESSION,
        True,
    ),
)
