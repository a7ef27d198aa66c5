"""What the host answered, so that a program that runs once more is told the same.

While it runs on ground that it has seen before, the host is not asked: nothing is written twice,
nothing read twice. It knows no kernel and no debugger.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple


class Answer(NamedTuple):
    """What one call of the host gave, or the OSError that it raised."""

    value: Any
    refusal: OSError | None


class Journal:
    """The answers in order; `place` is how many of them the program has got."""

    def __init__(self) -> None:
        self._answers: list[Answer] = []
        self.place = 0

    @property
    def is_replaying(self) -> bool:
        """Whether the next answer is known."""
        return self.place < len(self._answers)

    def ask(self, function: Callable[..., Any], *arguments: Any) -> Any:
        """What `function` gives, or gave the last time. Raises OSError as it does."""
        if not self.is_replaying:
            self._answers.append(_asked(function, *arguments))
        answer = self._answers[self.place]
        self.place += 1
        if answer.refusal is not None:
            raise answer.refusal
        return answer.value

    def forget_from(self, place: int) -> None:
        """The program goes another way from `place` on."""
        del self._answers[place:]
        self.place = min(self.place, place)


def _asked(function: Callable[..., Any], *arguments: Any) -> Answer:
    try:
        return Answer(function(*arguments), None)
    except OSError as refusal:
        return Answer(None, refusal)
