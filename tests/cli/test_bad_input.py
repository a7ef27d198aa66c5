"""Bad input: one clear sentence, exit status 1 or 2, no traceback."""

from __future__ import annotations

import struct
from collections.abc import Callable
from pathlib import Path

import pytest

from emu.cli.options import parse
from emu.cpu.engine import MODELS
from tests.cli.command import EXAMPLES, ringscope

GOOD = EXAMPLES / "hello_syscall_64"


def patched(offset: int, value: bytes) -> Callable[[], bytes]:
    def make() -> bytes:
        content = bytearray(GOOD.read_bytes())
        content[offset : offset + len(value)] = value
        return bytes(content)

    return make


def in_first_segment(field: int, value: int) -> Callable[[], bytes]:
    def make() -> bytes:
        content = bytearray(GOOD.read_bytes())
        (headers,) = struct.unpack_from("<Q", content, 32)
        struct.pack_into("<Q", content, headers + field, value)
        return bytes(content)

    return make


FILES: dict[str, tuple[Callable[[], bytes], str]] = {
    "text": (lambda: b"hello\n", "is not an ELF file"),
    "empty": (lambda: b"", "is empty"),
    "truncated": (lambda: GOOD.read_bytes()[:40], "is truncated"),
    "arm": (patched(18, b"\xb7\0"), "for AArch64"),
    "s390": (patched(18, b"\x16\0"), "for IBM S/390"),
    "core": (patched(16, b"\4\0"), "is a core dump"),
    "object": (patched(16, b"\1\0"), "is an object file"),
    "kernel half": (in_first_segment(16, 0xFFFF_FFFF_8100_0000), "reaches the kernel's half"),
    "wrapping": (in_first_segment(16, 0xFFFF_FFFF_FFFF_F000), "reaches the kernel's half"),
    "absurd": (in_first_segment(40, 1 << 60), "reaches the kernel's half"),
    "script": (lambda: b"#!/nowhere/at/all\n", "its interpreter"),
}


@pytest.mark.parametrize("name", FILES)
def test_a_file_that_is_no_program_is_refused_in_one_sentence(name: str, tmp_path: Path) -> None:
    make, said = FILES[name]
    program = tmp_path / "program"
    program.write_bytes(make())
    program.chmod(0o755)
    ended = ringscope("run", program)
    assert ended.status == 1
    assert ended.err.count("\n") == 1
    assert ended.err.startswith("ringscope: ")
    assert said in ended.err
    assert str(program) in ended.err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["/"], "permission denied"),
        (["/nowhere"], "no such file"),
        (["no-such-program"], "no such program in PATH"),
        ([""], "the name of the program is empty"),
        (["--memory", "4M", "/bin/nowhere"], "no such file"),
    ],
)
def test_what_cannot_be_run_is_said(arguments: list[str], said: str) -> None:
    ended = ringscope("run", *arguments)
    assert ended.status == 1
    assert said in ended.err
    assert ended.err.count("\n") == 1


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "`ringscope run PROGRAM` runs a program"),
        (["frob"], "no verb 'frob', there are: run, stat"),
        (["./program"], "`ringscope run ./program` runs it"),
        (["run"], "which program?"),
        (["run", "--nope", "/bin/true"], "unknown option --nope"),
        (["run", "--memory", "1K", "/bin/true"], "out of bounds"),
        (["run", "--memory", "much", "/bin/true"], "no size"),
        (["run", "--cpu", "abacus", "/bin/true"], "no CPU model 'abacus'"),
        (["run", "--cpu", "486", "/bin/true"], "has no 64-bit mode"),
        (["run", "--vendor", "cyrix", "/bin/true"], "invalid choice: 'cyrix'"),
        (["run", "--root", "/nowhere", "/bin/true"], "/nowhere"),
        (["run", "--rw", "/etc/passwd", "/bin/true"], "not a directory"),
        (["run", "-E", "A", "/bin/true"], "not VAR=VALUE"),
        (["run", "-E", "=1", "/bin/true"], "not VAR=VALUE"),
        (["run", "-U", "A=B", "/bin/true"], "no name of a variable"),
        (["run", "-U", "", "/bin/true"], "no name of a variable"),
        (["run", "-E"], "expected one argument"),
        (["run", "--memory", "64X", "/bin/true"], "no size"),
        (["run", "--memory", "64iB", "/bin/true"], "out of bounds"),
        (["stat", "-x", "", "/bin/true"], "the values run together"),
        (["run", "--max-instructions", "-1", "/bin/true"], "no whole number"),
        (["run", "--max-instructions", str(1 << 64), "/bin/true"], "more than any program"),
        (["stat", "-j", "-x,", "/bin/true"], "not allowed with"),
        (["stat", "-o", "/nowhere/file", "/bin/true"], "cannot write /nowhere/file"),
    ],
)
def test_a_wrong_command_line_gives_status_2(arguments: list[str], said: str) -> None:
    ended = ringscope(*arguments)
    assert ended.status == 2
    assert said in ended.err
    assert ended.err.startswith("ringscope")
    assert ended.err.count("\n") == 1


@pytest.mark.parametrize("size", ["64M", "64m", "64MB", "64MiB", "64mib", "65536K", "67108864"])
def test_a_size_may_be_written_as_people_do(size: str) -> None:
    assert parse(["run", "--memory", size, "program"]).memory == 64 << 20


@pytest.mark.parametrize("arguments", [["run"], ["stat", "-j"]])
def test_the_models_are_listed_without_a_program(arguments: list[str]) -> None:
    ended = ringscope(*arguments, "--cpu", "help")
    assert ended.status == 0
    assert ended.out.splitlines() == list(MODELS)


@pytest.mark.parametrize("verb", ["run", "stat"])
def test_every_option_of_a_verb_says_what_it_does(verb: str) -> None:
    told = ringscope(verb, "--help").out
    lines = told.partition("options:")[2].partition("example:")[0].splitlines()
    options = [index for index, line in enumerate(lines) if line.startswith("  -")]
    assert len(options) > 10
    for index in options:
        described = lines[index][24:].strip() or lines[index + 1].startswith(" " * 24)
        assert described, lines[index]


@pytest.mark.parametrize("verb", ["run", "stat"])
def test_the_help_of_a_verb_shows_an_example(verb: str) -> None:
    ended = ringscope(verb, "--help")
    assert ended.status == 0
    assert f"ringscope {verb} " in ended.out.partition("example:")[2]
