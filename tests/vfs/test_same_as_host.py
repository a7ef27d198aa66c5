"""The guest's files behave as the host's: in memory over a tree, and for real below a grant.

A story is a list of operations; it is told to the host's kernel and to two guests over copies of
the same tree. Every answer, and the tree at the end, must be the same.
"""

from __future__ import annotations

import os
import random
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from tests.vfs.actors import Actor, Guest, Host, whole_tree
from tests.vfs.program import a_program
from tests.vfs.stories import STORIES, Step

NOBODY: Final = 65534


def plant(top: Path) -> None:
    """The tree that every story starts with."""
    (top / "d/e").mkdir(parents=True)
    (top / "empty").mkdir()
    (top / "f").write_bytes(b"file")
    (top / "d/g").write_bytes(b"x" * 5000)
    os.link(top / "f", top / "d/hard")
    (top / "l").symlink_to("f")
    (top / "d/up").symlink_to("../f")
    (top / "ld").symlink_to("d")
    (top / "dangling").symlink_to("nowhere")
    (top / "loop").symlink_to("loop")
    for path in (top / "d", top / "d/e", top / "empty"):
        path.chmod(0o755)
    for path in (top / "f", top / "d/g"):
        path.chmod(0o644)


@pytest.fixture(params=["in memory", "granted"])
def actors(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[Actor, Actor]:
    """The host and a guest in equal trees: in `w`, so that `..` stays within both."""
    ours, theirs = tmp_path / "ours", tmp_path / "theirs"
    for top in (ours, theirs):
        (top / "w").mkdir(parents=True)
        plant(top / "w")
    rw = (theirs,) if request.param == "granted" else ()
    program = a_program(theirs, rw=rw, uid=os.getuid())
    program.call("chdir", b"w")
    return Host(ours / "w"), Guest(program)


@pytest.mark.parametrize("story", STORIES)
def test_a_story_ends_as_on_the_host(story: str, actors: tuple[Actor, Actor]) -> None:
    host, guest = actors
    assert isinstance(host, Host)
    assert isinstance(guest, Guest)
    for step in STORIES[story]:
        assert guest.do(*step) == host.do(*step), step
    assert whole_tree(guest) == whole_tree(host)


NAMES: Final = ("a", "b", "d", "e", "f", "g", "l", "ld", "up", "empty")


def random_path(dice: random.Random) -> str:
    return "/".join(dice.choice(NAMES) for _ in range(dice.choice((1, 1, 1, 2, 2, 3))))


def random_step(dice: random.Random) -> Step:
    path, other = random_path(dice), random_path(dice)
    steps: list[Step] = [
        ("mkdir", path, dice.choice((0o700, 0o755, 0o777))),
        ("rmdir", path),
        ("unlink", path),
        ("rename", path, other),
        ("rename", path, other),
        ("link", path, other),
        ("symlink", other, path),
        ("readlink", path),
        ("write", path, dice.choice(("w", "a", "x", "r+")), dice.randbytes(dice.randrange(40))),
        ("write", path, "w", b"again"),
        ("read", path),
        ("truncate", path, dice.randrange(100)),
        ("chmod", path, dice.choice((0o600, 0o644, 0o755))),
        ("stat", path),
        ("lstat", path),
        ("names", path),
    ]
    return dice.choice(steps)


@pytest.mark.parametrize("seed", range(30))
def test_two_hundred_random_steps_end_as_on_the_host(
    seed: int, actors: tuple[Actor, Actor]
) -> None:
    host, guest = actors
    assert isinstance(host, Host)
    assert isinstance(guest, Guest)
    dice = random.Random(seed)
    told: list[Step] = []
    for _ in range(200):
        step = random_step(dice)
        told.append(step)
        assert guest.do(*step) == host.do(*step), told
    assert whole_tree(guest) == whole_tree(host), told


@pytest.fixture
def unprivileged() -> Iterator[Path]:
    """A directory of a user without privileges, who runs this test."""
    was_root = os.geteuid() == 0
    if was_root:
        os.setegid(NOBODY)
        os.seteuid(NOBODY)
    top = Path(tempfile.mkdtemp())
    try:
        yield top
    finally:
        if was_root:
            os.seteuid(0)
            os.setegid(0)
        for directory, below, _ in os.walk(top):
            for name in below:
                if not os.path.islink(os.path.join(directory, name)):
                    os.chmod(os.path.join(directory, name), 0o700)
        shutil.rmtree(top)


def random_step_about_rights(dice: random.Random) -> Step:
    if dice.random() < 0.2:
        modes = (0, 0o400, 0o500, 0o300, 0o200, 0o700, 0o755, 0o644, 0o077)
        return ("chmod", random_path(dice), dice.choice(modes))
    if dice.random() < 0.1:
        return ("access", random_path(dice), dice.randrange(8))
    return random_step(dice)


@pytest.mark.parametrize("how", ["in memory", "granted"])
@pytest.mark.parametrize("seed", range(12))
def test_without_privileges_every_right_is_asked_as_on_the_host(
    seed: int, how: str, unprivileged: Path
) -> None:
    for name in ("ours", "theirs"):
        (unprivileged / name / "w").mkdir(parents=True)
        plant(unprivileged / name / "w")
    theirs = unprivileged / "theirs"
    program = a_program(theirs, rw=(theirs,) if how == "granted" else (), uid=os.geteuid())
    program.call("chdir", b"w")
    host, guest = Host(unprivileged / "ours/w"), Guest(program)
    dice = random.Random(seed)
    told: list[Step] = []
    for _ in range(200):
        step = random_step_about_rights(dice)
        told.append(step)
        assert guest.do(*step) == host.do(*step), told
    assert whole_tree(guest) == whole_tree(host), told


def test_what_the_host_changes_meanwhile_is_seen(tmp_path: Path) -> None:
    guest = Guest(a_program(tmp_path))
    (tmp_path / "f").write_bytes(b"one")
    assert guest.read("f") == b"one"
    (tmp_path / "f").write_bytes(b"two!")
    assert guest.read("f") == b"two!"
    (tmp_path / "d").mkdir()
    assert guest.names(".") == ["d", "f"]
    shutil.rmtree(tmp_path / "d")
    (tmp_path / "f").unlink()
    assert guest.names(".") == []
