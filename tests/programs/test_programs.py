"""Programs from Debian's packages do here what they do natively: output, status, files.

The rows of the table that are marked as quick; all of them: `make programs`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

import pytest

from tests.oracle import host
from tests.programs.places import Place, unsharing
from tests.programs.runner import SCRIPTS, Run, compare, differences, reason_not_to_run
from tests.programs.table import BOTH, I386, TABLE, X86_64, Normal, Program

QUICK: Final = [
    pytest.param(
        program,
        abi,
        id=f"{program.name}-{abi}",
        marks=pytest.mark.may_skip("chroot must be allowed") if abi == I386 else (),
    )
    for program in TABLE
    for abi in program.quick
]


@pytest.mark.parametrize(("program", "abi"), QUICK)
def test_a_program_does_here_what_it_does_natively(program: Program, abi: str) -> None:
    if not host.is_x86_64_linux():
        pytest.skip("the host is not Linux on x86_64")
    if (reason := reason_not_to_run(program, abi)) is not None:
        pytest.skip(reason)
    found = compare(program, abi)
    assert not found.difference, found.difference
    assert found.instructions > 100_000


def test_every_row_has_a_name_of_its_own_and_what_it_runs_is_there() -> None:
    assert len({program.name for program in TABLE}) == len(TABLE)
    files = {word for program in TABLE for word in program.command if "." in Path(word).suffix}
    named = {word for word in files if word.startswith(("program.",)) or word.endswith(".sh")}
    assert named <= {path.name for path in SCRIPTS.iterdir()}
    assert len(named) > 10


def test_every_quick_abi_is_one_in_which_the_row_runs() -> None:
    assert all({*program.quick} <= {*program.abis} <= {*BOTH} for program in TABLE)


PROGRAM: Final = Program("one", (), ("one",), normal=(Normal(r"\d+ s", "TIME", "a time"),))
RUN: Final = Run("took 3 s\n", "", 0, {"left": "-rw-r--r--\ntext"})

# What the second run does otherwise, and what is told of it.
OTHER: Final = {
    "nothing": (RUN, ""),
    "what is normalised": (RUN._replace(stdout="took 4 s\n"), ""),
    "stdout": (RUN._replace(stdout="took long\n"), "stdout, here"),
    "stderr": (RUN._replace(stderr="oh\n"), "stderr, here"),
    "the status": (RUN._replace(status=139), "status, here"),
    "a file's content": (RUN._replace(files={"left": "-rw-r--r--\nother"}), "left, here"),
    "a file's mode": (RUN._replace(files={"left": "-rwxr-xr-x\ntext"}), "left, here"),
    "a file that is missing": (RUN._replace(files={}), "left, here"),
    "a file too many": (RUN._replace(files={**RUN.files, "new": "-"}), "new, here"),
}


@pytest.mark.parametrize(("other", "told"), OTHER.values(), ids=OTHER)
def test_whatever_differs_is_told(other: Run, told: str) -> None:
    difference = differences(PROGRAM, RUN, other)
    assert told in difference
    assert bool(difference) is bool(told)


def test_files_are_not_compared_where_the_row_says_so() -> None:
    without = RUN._replace(files={})
    assert not differences(PROGRAM._replace(files=False), RUN, without)


def test_a_program_of_the_tree_is_entered_by_chroot_and_of_the_host_run_as_it_is(
    tmp_path: Path,
) -> None:
    command = ("sh", "-c", "true")
    of_host = Place(Path("/"), tmp_path, tmp_path)
    assert of_host.native(command) == command
    assert of_host.options() == ("--rw", str(tmp_path))
    of_tree = Place(tmp_path, tmp_path / "tmp" / "work", tmp_path)
    assert of_tree.native(command)[-4:] == ("/tmp/work", *command)
    assert of_tree.native(command)[: len(unsharing())] == unsharing()
    assert of_tree.options()[:2] == ("--root", str(tmp_path))


def test_a_program_that_is_not_installed_is_not_run() -> None:
    absent = PROGRAM._replace(command=("/nowhere/program",))
    assert reason_not_to_run(absent, X86_64) == "/nowhere/program is not installed"
