"""Golden files: a text kept beside the test, and what to do when the text has changed.

It compares and writes; where the file belongs, the plugin says.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

ADVICE: Final = "run pytest with --update-golden, look at the difference, and keep the file"


class Golden:
    """The golden files of one test: `golden(trap)`, or `golden(text, "second")`.

    Called with a record or a text, it raises AssertionError if the file does not hold that text.
    With --update-golden it writes the file instead.
    """

    def __init__(self, folder: Path, stem: str, update: bool) -> None:
        self.folder = folder
        self.stem = stem
        self.update = update
        self.written: list[Path] = []

    def __call__(self, record: object, name: str = "") -> None:
        """Compares `str(record)` with the file. Raises AssertionError: it differs or is missing."""
        __tracebackhide__ = True
        text = str(record)
        path = self.folder / (f"{self.stem}-{name}.txt" if name else f"{self.stem}.txt")
        kept = path.read_text("utf-8") if path.exists() else None
        if kept == text:
            return
        if self.update:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, "utf-8")
            self.written.append(path)
        elif kept is None:
            raise AssertionError(f"there is no golden file {path}: {ADVICE}\n\n{text}")
        else:
            import difflib

            difference = difflib.unified_diff(
                kept.splitlines(), text.splitlines(), str(path), "this run", lineterm=""
            )
            lines = "\n".join(difference)
            raise AssertionError(f"{path.name} has changed: {ADVICE}\n\n{lines}")
