"""Locations as gdb's users write them: a symbol, `*EXPRESSION`, or nothing for here."""

from __future__ import annotations

from emu.console.session import Session


def place(session: Session, text: str) -> int:
    """The address that `text` names. Raises UsageError."""
    text = text.strip()
    if not text:
        return session.debugger.rip
    return session.value(text[1:] if text.startswith("*") else text)
