"""Whoever asks for all there is, is refused or stopped; the host's memory and files are safe."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import Final, NamedTuple

import pytest

from tests.hostile import measured

ROOMY: Final = 150  # MiB: what a run may take with 64 MiB of RAM and 16 MiB of disk
OPTIONS: Final = ["--memory", "64M", "--disk", "16M"]
USED_UP: Final = "its memory is used up: give more by --memory"
OVERFLOW: Final = "SIGSEGV: #PF"


class End(NamedTuple):
    """How a hostile program ends: its output, its status, and what the machine says."""

    out: str
    status: int = 0
    said: str = ""
    memory: int = ROOMY


PROGRAMS: Final = {
    "forks": End("fork: ENOMEM\n"),
    "threads": End("pthread_create: EAGAIN\n"),
    "heap": End("malloc: ENOMEM\n"),
    "brk": End("sbrk: ENOMEM\n"),
    "maps": End("mmap: ENOMEM\n"),
    "unreserved": End("", 137, USED_UP),
    "shared": End("", 137, USED_UP),
    "sparse_file": End("", 137, USED_UP),
    "stack": End("", 139, OVERFLOW),
    "file": End("write: ENOSPC\n"),
    "many_files": End("open: ENOSPC\n"),
    "deep": End("getcwd: ERANGE\n"),
    "maze": End("deep: ELOOP\ncircle: ELOOP\n"),
    "arguments": End("execv: E2BIG\n"),
    "descriptors": End("dup: EMFILE\n"),
    "full_pipe": End("write: EAGAIN\n"),
    "pipes": End("pipes: 0\n", memory=250),
    "queued_signals": End("sigqueue: EAGAIN\n"),
    "signal_storm": End("enough: 0\n"),
    "read_zeros": End("read: 0\n", memory=250),
    "frames": End("all came back: 0\n"),
    "poll_much": End("poll: EINVAL\n"),
    "leave_sleepers": End("done: 0\n"),
}
# The shell's own; the first command is no deadlock though nobody reads what the first says.
SCRIPTS: Final = {
    "yes | head -2": "y\ny\n",
    "head -c 3000000 /dev/zero | wc -c": "3000000\n",
    "(exit 3); echo $?": "3\n",
    "sleep 1000 & kill $!; wait $!; echo $?": "143\n",
}


@pytest.fixture(scope="module", params=["-m64", "-m32"])
def program(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    if not measured.is_possible():
        pytest.skip("needs gcc and Linux on x86_64")
    return measured.compiled("hostile", tmp_path_factory.mktemp("hostile"), request.param)


@pytest.fixture(scope="module")
def program_64(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if not measured.is_possible():
        pytest.skip("needs gcc and Linux on x86_64")
    return measured.compiled("hostile", tmp_path_factory.mktemp("hostile64"), "-m64")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A directory of the host with one file."""
    place = tmp_path / "place"
    place.mkdir()
    (place / "victim").write_text("the host's")
    return place


def _is_untouched(folder: Path) -> bool:
    return [one.name for one in folder.iterdir()] == ["victim"] and (
        (folder / "victim").read_text() == "the host's"
    )


@pytest.mark.parametrize("name", PROGRAMS)
def test_a_hostile_program_is_bounded(program: Path, folder: Path, name: str) -> None:
    end = PROGRAMS[name]
    found = measured.run(program, [name], OPTIONS, folder)
    assert (found.out, found.status) == (end.out, end.status)
    assert end.said in found.err
    assert found.memory < end.memory
    assert _is_untouched(folder)


def test_page_tables_are_memory_too(program_64: Path, folder: Path) -> None:
    found = measured.run(program_64, ["tables"], OPTIONS, folder)
    assert (found.out, found.status) == ("", 137)
    assert USED_UP in found.err
    assert found.memory < ROOMY


def test_a_fork_bomb_ends_by_the_limit_of_instructions(program: Path, folder: Path) -> None:
    options = ["--memory", "16M", "--max-instructions", "300000"]
    found = measured.run(program, ["fork_bomb"], options, folder)
    assert found.status == 124
    assert "--max-instructions" in found.err
    assert found.memory < ROOMY


def test_a_loop_of_exec_gives_back_what_each_program_took(program: Path, folder: Path) -> None:
    found = measured.run(program, ["exec", "100"], ["--memory", "16M"], folder)
    assert (found.out, found.status) == ("all done: 0\n", 0)


@pytest.mark.parametrize("script", SCRIPTS)
def test_a_shell_command_ends_as_natively(script: str, tmp_path: Path) -> None:
    shell = shutil.which("dash")
    if shell is None or not measured.is_possible():
        pytest.skip("needs dash, gcc and Linux on x86_64")
    native = subprocess.run([shell, "-c", script], capture_output=True, text=True, check=False)
    folder = tmp_path / "place"
    folder.mkdir()
    found = measured.run(Path(shell), ["-c", script], [], folder)
    assert (found.out, found.status) == (native.stdout, native.returncode)
    assert found.out == SCRIPTS[script]
