"""Every example in the pages is run, and must print what the page says.

An example is a fenced block of `console` with lines `$ ringscope ...`. The line before its fence
is `<!-- run -->`, or `<!-- not run: reason -->`. It runs in the root of the repository; standard
output and standard error are one stream. A line `...` stands for any lines, and a status other
than 0 is written as a last line `[exit 42]`.
"""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

import pytest

from tests.source_tree import ROOT, texts

FENCE: Final = re.compile(
    r"(?P<before>^[^\n]*\n)?^```console\n(?P<body>.*?)^```$", re.DOTALL | re.MULTILINE
)
RUN: Final = "<!-- run -->"
NOT_RUN: Final = re.compile(r"<!-- not run: \w.+ -->")
# The command as the shell of an example finds it.
SHELL: Final = 'ringscope() { "$PYTHON" -m emu "$@"; }\n'
SHELL_ENVIRONMENT: Final = {"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8"}


class Example(NamedTuple):
    """One command of a block, and the text that it is said to print."""

    where: str
    command: str
    says: str


class Block(NamedTuple):
    """One fenced block: what stands before it, and its lines."""

    where: str
    before: str
    body: str


def blocks(path: str, text: str) -> Iterator[Block]:
    for found in FENCE.finditer(text):
        line = text.count("\n", 0, found.start("body"))
        yield Block(f"{path}:{line}", (found["before"] or "").strip(), found["body"])


def examples(path: str, text: str) -> Iterator[Example]:
    """The commands of the blocks that are to be run, each with what follows it."""
    for block in blocks(path, text):
        if block.before != RUN:
            continue
        for part in re.split(r"^\$ ", block.body, flags=re.MULTILINE)[1:]:
            command, _, says = part.partition("\n")
            yield Example(block.where, command, says)


def unmarked(path: str, text: str) -> list[str]:
    """The blocks that show our command and do not say whether they are run."""
    return [
        f"{block.where}: says neither `{RUN}` nor `<!-- not run: reason -->`"
        for block in blocks(path, text)
        if re.search(r"^\$ (?:.* )?ringscope\b", block.body, re.MULTILINE)
        and block.before != RUN
        and not NOT_RUN.fullmatch(block.before)
    ]


def matches(says: str, printed: str) -> bool:
    """Whether `printed` is what the page says, its lines of `...` standing for any lines."""
    lines = [
        r"(?:.*\n)*?" if line == "..." else re.escape(line) + "\n" for line in says.splitlines()
    ]
    return re.fullmatch("".join(lines), printed) is not None


def printed_by(command: str, directory: Path = ROOT) -> str:
    result = subprocess.run(
        ["sh", "-c", SHELL + command],
        cwd=directory,
        env={**SHELL_ENVIRONMENT, "PYTHON": sys.executable, "PYTHONPATH": str(ROOT)},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        check=False,
    )
    text = result.stdout.decode("utf-8", "backslashreplace")
    if text and not text.endswith("\n"):
        text += "\n"
    return text if result.returncode == 0 else f"{text}[exit {result.returncode}]\n"


PAGES: Final = [(path, text) for path, text in texts() if path.endswith(".md")]
EXAMPLES: Final = [example for page in PAGES for example in examples(*page)]


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.where)
def test_an_example_prints_what_its_page_says(example: Example) -> None:
    printed = printed_by(example.command)
    assert matches(example.says, printed), f"$ {example.command}\n{printed}"


def test_every_block_that_shows_the_command_says_whether_it_is_run() -> None:
    complaints = [complaint for page in PAGES for complaint in unmarked(*page)]
    assert not complaints, "\n".join(complaints)


MARKED: Final = "text\n<!-- run -->\n```console\n$ ringscope a\none\ntwo\n$ ringscope b\n```\n"


def test_a_block_is_split_into_its_commands() -> None:
    assert list(examples("p.md", MARKED)) == [
        Example("p.md:3", "ringscope a", "one\ntwo\n"),
        Example("p.md:3", "ringscope b", ""),
    ]


@pytest.mark.parametrize(
    ("before", "is_complained_of"),
    [
        ("", True),
        ("some text", True),
        ("<!-- not run -->", True),
        ("<!-- not run: -->", True),
        ("<!-- not run: it needs a compiler -->", False),
        ("<!-- run -->", False),
    ],
)
def test_a_block_without_a_mark_is_complained_of(before: str, is_complained_of: bool) -> None:
    page = f"{before}\n```console\n$ cat x | ringscope run y\n```\n"
    assert bool(unmarked("p.md", page)) is is_complained_of


@pytest.mark.parametrize(
    ("says", "printed", "same"),
    [
        ("one\n", "one\n", True),
        ("one\n", "one\ntwo\n", False),
        ("one\n", "", False),
        ("o.e\n", "one\n", False),
        ("one\n...\n", "one\n", True),
        ("one\n...\nfour\n", "one\ntwo\nthree\nfour\n", True),
        ("...\n[exit 42]\n", "one\n[exit 42]\n", True),
        ("...\n[exit 42]\n", "one\n", False),
        ("one ...\n", "one two\n", False),
    ],
)
def test_what_is_printed_is_compared_to_the_letter(says: str, printed: str, same: bool) -> None:
    assert matches(says, printed) is same


@pytest.mark.parametrize(
    ("command", "printed"),
    [
        ("echo one; echo two >&2", "one\ntwo\n"),
        ("printf one", "one\n"),
        ("exit 42", "[exit 42]\n"),
        ("echo one; exit 1", "one\n[exit 1]\n"),
        ("cat", ""),
    ],
)
def test_both_streams_and_the_status_are_seen(command: str, printed: str, tmp_path: Path) -> None:
    assert printed_by(command, tmp_path) == printed
