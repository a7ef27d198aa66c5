"""Commands for tasks and signals. What a task is, the kernel knows.

gdb's manual, "Debugging Programs with Multiple Threads", "Signals".
"""

from __future__ import annotations

from typing import Final

from emu.console.command import LOOKING, RUNNING, SIGNALS, Command
from emu.console.session import Session
from emu.debug.handling import WORDS
from emu.debug.news import TaskView
from emu.errors import UsageError

FOLLOWED: Final = (
    "all processes are in one machine, so parent and child are both debugged: use `thread N`"
)


def thread_lines(session: Session, _: str = "") -> list[str]:
    """`info threads`."""
    lines = []
    for task in session.debugger.guest.tasks():
        mark = "*" if task.number == session.debugger.task else " "
        who = f'Thread {task.number} "{task.name}"'
        if task.process != task.number:
            who += f" of process {task.process}"
        place = _place(session, task)
        number = session.threads.number(task.number)
        lines.append(f"{mark} {number:<4} {who} {place} ({task.state})")
    return lines or ["No threads."]


def _place(session: Session, task: TaskView) -> str:
    """Where the ring 3 of `task` goes on, by the names of the files that it has mapped."""
    guest = session.debugger.guest
    looked_at = session.debugger.task
    guest.look_at(task.number)
    place = session.symbols.place(task.rip)
    guest.look_at(looked_at)
    return place


def _thread(session: Session, text: str) -> None:
    if not text.strip():
        session.say(f"[Current thread is {session.threads.name(session.debugger.task)}]")
        return
    number = session.number(text, 1)
    task = session.threads.task(number)
    session.debugger.select(task)
    session.say(f"[Switching to {session.threads.name(task)}]")
    session.here()


def signal_lines(session: Session, text: str) -> list[str]:
    """`info signals`: what is done with each, or with those named."""
    known = session.debugger.guest.signals()
    names = [_signal(session, word) for word in text.split()] or list(known)
    lines = [f"{'Signal':<12} {'Stop':<5} {'Print':<6} {'Pass':<5} Description"]
    for name in names:
        way = session.debugger.handling.of(name)
        stop, tell, give = ("Yes" if one else "No" for one in way)
        lines.append(f"{name:<12} {stop:<5} {tell:<6} {give:<5} {known[name]}")
    return lines


def _signal(session: Session, text: str) -> str:
    """A signal by name, or by number where gdb takes numbers. Raises UsageError."""
    known = session.debugger.guest.signals()
    name = text.upper()
    if name not in known:
        name = f"SIG{name}"
    if text.isdecimal() and 0 < int(text[:3]) < 16:
        name = list(known)[int(text) - 1]
    if name not in known:
        raise UsageError(f"no signal {text!r}; `info signals` lists them")
    return name


def _handle(session: Session, text: str) -> None:
    words = [word.lower() for word in text.split()]
    actions = [word for word in words if word in WORDS]
    wanted = [word for word in words if word not in WORDS]
    if not wanted or not actions:
        raise UsageError(f"handle needs signals, and what to do: {', '.join(WORDS)}")
    names = []
    for word in wanted:
        names += (
            list(session.debugger.guest.signals()) if word == "all" else [_signal(session, word)]
        )
    for name in names:
        session.debugger.handling.change(name, actions)
    session.say_all(signal_lines(session, " ".join(names)))


def _send(session: Session, text: str) -> None:
    word = text.strip()
    if word == "0":
        session.debugger.drop_signal()
        session.say("Continuing with no signal.")
    else:
        name = _signal(session, word)
        session.debugger.send_signal(name)
        session.say(f"Continuing with signal {name}.")
    session.tell(session.debugger.resume())


COMMANDS: Final = (
    Command(
        ("thread", "t"),
        "thread [N]",
        "Look at thread N until the program runs; the ways to go on wait for its turn.",
        LOOKING,
        _thread,
    ),
    Command(
        ("handle",),
        "handle SIGNAL... ACTION...",
        f"Say what is done when a signal arrives: {', '.join(WORDS)}.",
        RUNNING,
        _handle,
        SIGNALS,
    ),
    Command(
        ("signal",),
        "signal SIGNAL | 0",
        "Continue, and send the thread a signal; 0: the one told here never arrives.",
        RUNNING,
        _send,
        SIGNALS,
    ),
)
