"""The guest's files behave as the host's: in memory over a tree, and for real below a grant.

A story is a list of operations; it is told to the host's kernel and to two guests over copies of
the same tree. Every answer, and the tree at the end, must be the same.
"""

from __future__ import annotations

import os
import random
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import pytest

from tests.vfs.actors import Actor, Guest, Host, whole_tree
from tests.vfs.program import a_program

Step = tuple[Any, ...]
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


STORIES: Final[dict[str, Sequence[Step]]] = {
    "names that exist, and names that do not": [
        ("mkdir", "n"),
        ("mkdir", "n"),
        ("mkdir", "f"),
        ("mkdir", "n/"),
        ("mkdir", "m/"),
        ("mkdir", "no/n"),
        ("mkdir", "f/n"),
        ("mkdir", "l"),
        ("mkdir", "dangling"),
        ("mkdir", "ld/n"),
        ("mkdir", "."),
        ("mkdir", ""),
        ("stat", ""),
        ("stat", "."),
        ("stat", "f/"),
        ("stat", "f/."),
        ("stat", "l/"),
        ("stat", "ld/"),
        ("lstat", "ld/"),
        ("lstat", "ld"),
        ("stat", "n" * 255),
        ("stat", "n" * 256),
        ("stat", "loop"),
        ("lstat", "loop"),
        ("stat", "loop/x"),
        ("stat", "dangling"),
        ("stat", "d/../f"),
        ("stat", "f/../f"),
        ("stat", "no/../f"),
        ("stat", "d/up"),
        ("stat", "ld/up"),
    ],
    "removing": [
        ("rmdir", "d"),
        ("rmdir", "f"),
        ("rmdir", "l"),
        ("rmdir", "ld"),
        ("rmdir", "no"),
        ("rmdir", "."),
        ("rmdir", "d/."),
        ("rmdir", "d/.."),
        ("rmdir", "empty"),
        ("rmdir", "empty"),
        ("unlink", "d"),
        ("unlink", "f/"),
        ("unlink", "d/"),
        ("unlink", "no"),
        ("unlink", "l"),
        ("unlink", "f"),
        ("unlink", "f"),
        ("stat", "d/hard"),
        ("unlink", "d/hard"),
        ("unlink", "d/g"),
        ("unlink", "d/up"),
        ("rmdir", "d"),
        ("rmdir", "d/e"),
        ("rmdir", "d"),
        ("stat", "ld"),
    ],
    "renaming files": [
        ("rename", "f", "f2"),
        ("rename", "f", "f3"),
        ("rename", "f2", "d/g"),
        ("read", "d/g"),
        ("rename", "d/g", "d/hard"),
        ("stat", "d/hard"),
        ("rename", "l", "l2"),
        ("readlink", "l2"),
        ("rename", "l2", "d"),
        ("rename", "l2", "d/"),
        ("rename", "l2", "new/"),
        ("rename", "d/hard", "no/x"),
        ("rename", "d/hard", "loop/x"),
        ("rename", "no", "x"),
        ("rename", "loop", "dangling"),
        ("readlink", "dangling"),
    ],
    "renaming directories": [
        ("rename", "d", "d/e/x"),
        ("rename", "d", "d"),
        ("rename", "d/e", "d"),
        ("rename", "d", "f"),
        ("rename", "d", "empty"),
        ("names", "empty"),
        ("stat", "d"),
        ("stat", "ld"),
        ("read", "empty/up"),
        ("rename", "empty/e", "e2/"),
        ("mkdir", "full"),
        ("write", "full/x", "w", b"1"),
        ("rename", "e2", "full"),
        ("rename", ".", "x"),
        ("rename", "empty/.", "x"),
        ("rename", "empty", "."),
        ("rename", "empty/..", "x"),
        ("rename", "f", "e2"),
        ("rename", "e2", "full/y"),
        ("names", "full"),
    ],
    "hard links": [
        ("link", "f", "f2"),
        ("stat", "f"),
        ("link", "f", "f2"),
        ("link", "d", "d2"),
        ("link", "l", "l2"),
        ("lstat", "l2"),
        ("link", "no", "x"),
        ("link", "f", "no/x"),
        ("write", "f2", "a", b"more"),
        ("read", "f"),
        ("read", "d/hard"),
        ("unlink", "f"),
        ("stat", "f2"),
        ("rename", "f2", "d/hard"),
        ("stat", "f2"),
    ],
    "symbolic links": [
        ("symlink", "f", "s"),
        ("symlink", "f", "s"),
        ("symlink", "", "s2"),
        ("symlink", "x/y/z", "d/s3"),
        ("lstat", "d/s3"),
        ("readlink", "d/s3"),
        ("readlink", "f"),
        ("readlink", "d"),
        ("readlink", "no"),
        ("write", "s", "r+", b"F"),
        ("read", "f"),
        ("write", "dangling", "w", b"made"),
        ("read", "nowhere"),
        ("write", "loop", "w", b""),
        ("write", "s", "x", b""),
        ("symlink", "d", "s4"),
        ("names", "s4"),
        ("symlink", "s4", "s5"),
        ("stat", "s5/g"),
        ("unlink", "s4"),
        ("stat", "s5"),
    ],
    "writing": [
        ("write", "f", "r+", b"F"),
        ("read", "f"),
        ("read", "d/hard"),
        ("write", "f", "a", b"!"),
        ("read", "l"),
        ("write", "f", "w", b""),
        ("stat", "f"),
        ("write", "d", "w", b""),
        ("write", "d", "a", b""),
        ("write", "new", "r+", b""),
        ("write", "new", "x", b"1"),
        ("write", "new", "x", b"2"),
        ("read", "new"),
        ("write", "new/", "w", b""),
        ("write", "newer/", "w", b""),
        ("write", "f/x", "w", b""),
        ("write", "no/x", "w", b""),
        ("read", "d"),
        ("truncate", "d/g", 10),
        ("read", "d/g"),
        ("truncate", "d/g", 20),
        ("read", "d/g"),
        ("truncate", "d", 0),
        ("truncate", "no", 0),
        ("truncate", "f", -1),
    ],
    "modes": [
        ("chmod", "f", 0o600),
        ("stat", "f"),
        ("stat", "d/hard"),
        ("chmod", "l", 0o640),
        ("stat", "f"),
        ("chmod", "d", 0o700),
        ("stat", "d"),
        ("chmod", "no", 0o700),
        ("chmod", "f", 0o4755),
        ("stat", "f"),
        ("access", "f", 7),
        ("chmod", "f", 0),
        ("access", "f", 1),
        ("access", "no", 0),
        ("utime", "f", 5, 7),
        ("utime", "no", 5, 7),
        ("mkdir", "m", 0o1777),
        ("stat", "m"),
    ],
}


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
