"""The manners of the project that a machine can see: sizes, words, reasons, links.

A guard takes the text of one file and returns its complaints. `CLAIMS` proves that each can fail;
the tests before it run them over the whole tree. The order of the rooms is test_layers.py's,
what an installed package holds is test_packaging.py's.
"""

from __future__ import annotations

import ast
import io
import re
import statistics
import tokenize
from collections.abc import Callable, Iterator
from typing import Final

import pytest

from tests.source_tree import PACKAGES, ROOT, Module, parse, texts, the_tree

MEDIAN_FUNCTION: Final = 10
NINE_IN_TEN_FUNCTIONS: Final = 40
LONGEST_FUNCTION: Final = 60
LONGEST_FILE: Final = 350

Guard = Callable[[str, str], list[str]]


# --- what a module looks like ---------------------------------------------------------------


def sentences(text: str) -> int:
    return len(re.findall(r"[.:;!?](?=\s|$)", text))


def says_what_it_knows(path: str, source: str) -> list[str]:
    """A module opens with two sentences or more; a package's `__init__` with one."""
    wanted = 1 if path.endswith("__init__.py") else 2
    docstring = ast.get_docstring(ast.parse(source)) or ""
    found = sentences(docstring)
    return [] if found >= wanted else [f"{path}: its docstring has {found} of {wanted} sentences"]


def functions(module: Module) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in ast.walk(module.tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def length(node: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    return (node.end_lineno or node.lineno) - node.lineno + 1


def short_functions(path: str, source: str) -> list[str]:
    return [
        f"{path}:{node.lineno}: {node.name} has {length(node)} lines, more than {LONGEST_FUNCTION}"
        for node in functions(parse(path, source, is_package=False))
        if length(node) > LONGEST_FUNCTION
    ]


def is_a_table(source: str) -> bool:
    """Whether a module only states facts: such a one may be as long as its facts."""
    definitions = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda)
    return not any(isinstance(node, definitions) for node in ast.walk(ast.parse(source)))


def short_file(path: str, source: str) -> list[str]:
    lines = source.count("\n")
    if lines <= LONGEST_FILE or is_a_table(source):
        return []
    return [f"{path}: has {lines} lines, more than {LONGEST_FILE}"]


# `noqa: CODE, CODE reason`, `type: ignore[code]  # reason`: the exception, and after it why.
EXCEPTIONS: Final = (
    re.compile(r"#\s*noqa(?P<codes>:\s*[A-Z]+\d+(?:,\s*[A-Z]+\d+)*)?(?P<why>.*)", re.IGNORECASE),
    re.compile(r"#\s*type:\s*ignore(?P<codes>\[[\w, -]+\])?(?P<why>.*)"),
    re.compile(r"#\s*(?P<codes>fmt: (?:off|skip)|pragma: no cover)(?P<why>.*)"),
    re.compile(r"#\s*ruff: noqa(?P<codes>:\s*[A-Z]+\d+)?(?P<why>.*)"),
)


def reasoned_exceptions(path: str, source: str) -> list[str]:
    complaints = []
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type != tokenize.COMMENT:
            continue
        for pattern in EXCEPTIONS:
            found = pattern.search(token.string)
            if found and not (found["codes"] and re.search(r"\w+\W+\w+", found["why"])):
                where = f"{path}:{token.start[0]}"
                complaints.append(f"{where}: `{token.string}` needs its codes and a reason")
    return complaints


# --- what no file says ----------------------------------------------------------------------

# The two paths are of the machine on which a file was once written.
FORBIDDEN: Final = (
    (re.compile(r"\b(?:TOD[O]|FIXM[E])\b"), "unfinished work: finish it, or state the limit"),
    (re.compile(r"\bissues?\s+#?\d", re.IGNORECASE), "the number of an issue: say the fact itself"),
    (
        re.compile(
            r"\b(?:this|an?other|previous|earlier|next|last|future) sessions?\b", re.IGNORECASE
        ),
        "who worked when: say what is true now",
    ),
    *((re.compile(rf"(?<![\w.}}])/{top}/"), "a path of one machine") for top in ("work", "root")),
)


def forbidden_words(path: str, text: str) -> list[str]:
    return [
        f"{path}:{number}: `{found[0]}` is {what}"
        for number, line in enumerate(text.splitlines(), 1)
        for pattern, what in FORBIDDEN
        for found in pattern.finditer(line)
    ]


# --- links ----------------------------------------------------------------------------------


def prose(text: str) -> str:
    """A page without its code, in which brackets mean something else."""
    return re.sub(
        r"`[^`\n]*`", "", re.sub(r"^```.*?^```", "", text, flags=re.DOTALL | re.MULTILINE)
    )


def anchors(text: str) -> set[str]:
    """The targets of `#...` in a page: its headings, as a forge spells them."""
    fenceless = re.sub(r"^```.*?^```", "", text, flags=re.DOTALL | re.MULTILINE)
    titles = re.findall(r"^#+\s+(.+?)\s*$", fenceless, flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


def internal_links(path: str, text: str) -> list[str]:
    """A relative link leads to a file of the project and, behind `#`, to a heading of it."""
    complaints = []
    found = re.findall(r"\]\(([^)\s]+)\)|^\[[^\]]+\]:\s+(\S+)", prose(text), flags=re.MULTILINE)
    for target in (inline or reference for inline, reference in found):
        if re.match(r"[a-z]+:", target):
            continue
        name, _, anchor = target.partition("#")
        page = (ROOT / path).parent / name
        if name and not page.exists():
            complaints.append(f"{path}: the link {target} leads to no file")
        elif anchor and anchor not in anchors(page.read_text("utf-8") if name else text):
            complaints.append(f"{path}: the link {target} leads to no heading")
    return complaints


# --- the guards over the whole tree -----------------------------------------------------------

OF_MODULES: Final[tuple[Guard, ...]] = (says_what_it_knows, short_functions)
OF_PYTHON: Final[tuple[Guard, ...]] = (short_file, reasoned_exceptions)
OF_PAGES: Final[tuple[Guard, ...]] = (internal_links,)
OF_TEXTS: Final[tuple[Guard, ...]] = (forbidden_words,)


def assert_none(complaints: list[str]) -> None:
    assert not complaints, "\n".join(complaints)


def over(guard: Guard, ending: str, tops: tuple[str, ...] = ("",)) -> list[str]:
    return [
        complaint
        for path, text in texts()
        if path.endswith(ending) and path.startswith(tops)
        for complaint in guard(path, text)
    ]


@pytest.mark.parametrize("guard", OF_MODULES)
def test_every_module_of_the_packages_keeps(guard: Guard) -> None:
    assert_none(over(guard, ".py", tuple(f"{package}/" for package in PACKAGES)))


@pytest.mark.parametrize("guard", OF_PYTHON)
def test_every_python_file_keeps(guard: Guard) -> None:
    assert_none(over(guard, ".py"))


@pytest.mark.parametrize("guard", OF_PAGES)
def test_every_page_keeps(guard: Guard) -> None:
    assert_none(over(guard, ".md"))


@pytest.mark.parametrize("guard", OF_TEXTS)
def test_every_text_keeps(guard: Guard) -> None:
    assert_none(over(guard, ""))


def test_functions_are_short_in_the_median_and_in_nine_of_ten() -> None:
    lengths = sorted(length(node) for module in the_tree().values() for node in functions(module))
    assert statistics.median(lengths) <= MEDIAN_FUNCTION
    assert lengths[len(lengths) * 9 // 10] <= NINE_IN_TEN_FUNCTIONS


# --- each guard can fail ------------------------------------------------------------------------


def function_of(lines: int) -> str:
    return "def long():\n" + "    pass\n" * (lines - 1)


# What a guard must complain of. Some words are put together here, so that they stand nowhere.
BAD: Final[tuple[tuple[Guard, str], ...]] = (
    (says_what_it_knows, ""),
    (says_what_it_knows, '"""Only one sentence."""'),
    (says_what_it_knows, '"""No sentence at all"""'),
    (says_what_it_knows, "# A comment. Not a docstring."),
    (short_functions, function_of(LONGEST_FUNCTION + 1)),
    (short_functions, "class A:\n    async " + function_of(61).replace("\n", "\n    ").rstrip()),
    (short_file, "def f(): ...\n" + "\n" * LONGEST_FILE),
    (reasoned_exceptions, "import os  # noqa\n"),
    (reasoned_exceptions, "import os  # noqa: F401\n"),
    (reasoned_exceptions, "import os  # noqa: because it is so\n"),
    (reasoned_exceptions, "import os  # noqa: F401 why\n"),
    (reasoned_exceptions, "x = f()  # type: ignore\n"),
    (reasoned_exceptions, "x = f()  # type: ignore[no-any-return]\n"),
    (reasoned_exceptions, "x = f()  # type: ignore # because it is so\n"),
    (reasoned_exceptions, "# fmt: off\n"),
    (reasoned_exceptions, "# ruff: noqa\n"),
    (forbidden_words, "# TO" + "DO: later"),
    (forbidden_words, "; FIX" + "ME the frame"),
    (forbidden_words, "as issue " + "#12 asks"),
    (forbidden_words, "as Issue " + "3 asks"),
    (forbidden_words, "a previous " + "session did this"),
    (forbidden_words, "see /" + "work/main/x"),
    (forbidden_words, "/" + "root/venv/bin/python"),
    (internal_links, "see [this](docs/no-such-page.md)"),
    (internal_links, "see [this](README.md#no-such-heading)"),
    (internal_links, "# A heading\nsee [this](#another-heading)"),
    (internal_links, "[this]: no-such-page.md"),
)
GOOD: Final[tuple[tuple[Guard, str], ...]] = (
    (says_what_it_knows, '"""It knows this. It does not know that."""'),
    (short_functions, function_of(LONGEST_FUNCTION)),
    (short_file, "def f(): ...\n" + "\n" * (LONGEST_FILE - 1)),
    (short_file, "NUMBERS = {\n" + "    1: 2,\n" * LONGEST_FILE + "}\n"),
    (reasoned_exceptions, "import os  # noqa: F401 - the tests patch it here\n"),
    (reasoned_exceptions, "import os  # noqa: F401, E402 the tests patch it here\n"),
    (reasoned_exceptions, "x = f()  # type: ignore[no-any-return]  # the library has no types\n"),
    (reasoned_exceptions, "x = '# noqa'\n"),
    (forbidden_words, "setsid(2) starts a new session; the issue is in sysroot/etc, /workspace/"),
    (forbidden_words, "{tmp}/root/etc is below the sysroot"),
    (internal_links, "see [this](README.md), [that](https://example.org/x.md) and `[x](y)`"),
    (internal_links, "# A `quoted` heading, it is\nsee [this](#a-quoted-heading-it-is)"),
    (internal_links, "```\n[x](y)\n```\n"),
)


@pytest.mark.parametrize(("guard", "text"), BAD)
def test_a_bad_text_is_complained_of(guard: Guard, text: str) -> None:
    assert len(guard("a_file", text)) == 1


@pytest.mark.parametrize(("guard", "text"), GOOD)
def test_a_good_text_passes(guard: Guard, text: str) -> None:
    assert guard("a_file", text) == []


def test_each_guard_is_proved_able_to_fail_and_to_pass() -> None:
    guards = {*OF_MODULES, *OF_PYTHON, *OF_PAGES, *OF_TEXTS}
    assert {guard for guard, _ in BAD} == guards
    assert {guard for guard, _ in GOOD} == guards
