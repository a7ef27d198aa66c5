"""A program in a machine that tries every way out by itself, and what becomes of each try.

The secret lies beside the root; `own` is what the guest itself wrote. Nothing on the host changes,
but below the granted directory.
"""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import Final

import pytest

from tests.fixtures.programs import MACHINE, ROOT
from tests.oracle import host
from tests.vfs.test_containment import fingerprint

SOURCE: Final = Path(__file__).with_name("attacks.c")
SECRET: Final = b"SECRET of the host"
ATTACKS: Final[dict[str, str]] = {
    "dots from a descriptor": "ENOENT",
    "dots from deep below": "ENOENT",
    "a link made by the guest": "ENOENT",
    "an absolute link made by the guest": "ENOENT",
    "the root of the process": "ENOENT",
    "the root of another process": "ENOENT",
    "the directory of the parent": "ENOENT",
    "a descriptor's magic link": "ENOENT",
    "through /dev": "ENOENT",
    "the host's path": "ENOENT",
    "resolved in root": "ENOENT",
    "resolved beneath": "EXDEV",
    "rename of the working directory": "done",
    "dots after the rename": "ENOENT",
    "removal of the working directory": "done",
    "dots from nowhere": "ENOENT",
    "chroot below": "done",
    "a descriptor from before": "ENOENT",
    "back to the old root": "done",
    "dots from the old root": "ENOENT",
    "chroot to the old root": "done",
    "write through O_PATH": "EBADF",
    "reopened for writing": "done",
    "the change is the guest's own": "own",
    "a directory that was sent": "ENOENT",
    "and dots from it": "ENOENT",
    "a link out of the grant": "done",
    "write through it": "done",
    "a host's path in a link": "done",
    "which leads nowhere": "ENOENT",
    "rename out": "EXDEV",
    "rename in": "EXDEV",
    "link in": "EXDEV",
    "link in by descriptor": "EXDEV",
    "link to outside": "ENOENT",
    "a device": "EPERM",
    "a device in memory": "EPERM",
    "a socket": "done",
    "an unnamed file": "EOPNOTSUPP",
    "a swap with a directory outside": "EINVAL",
    "a mount": "EPERM",
    "a new root": "EPERM",
    "a handle": "EPERM",
    "stores through a shared mapping": "done",
    "seen by the guest": "own",
    "sendfile into a host's file": "done",
    "truncation": "done",
    "other rights": "done",
    "times": "done",
    "removal": "done",
}


def facts(path: Path) -> tuple[bytes, int, int]:
    status = path.stat()
    return path.read_bytes(), status.st_mode, status.st_mtime_ns


@pytest.mark.parametrize("abi", ["-m64", "-m32"])
def test_no_attack_reads_or_writes_outside(abi: str, tmp_path: Path) -> None:
    if shutil.which("gcc") is None:
        pytest.skip("needs gcc")
    root, secret = tmp_path / "root", tmp_path / "secret"
    (root / "d/e").mkdir(parents=True)
    (root / "rw/sub").mkdir(parents=True)
    secret.write_bytes(SECRET)
    for name in ("f", "host", "rw/g"):
        (root / name).write_bytes(b"the host's " + name.encode())
    program = str(root / "attacks")
    subprocess.run(["gcc", abi, "-static", "-w", "-o", program, str(SOURCE)], check=True)
    kept = fingerprint(root / "d"), secret.read_bytes(), facts(root / "host")
    options = ["--root", str(root), "--rw", str(root / "rw"), "-E", f"SECRET={secret}"]
    ended = host.run([*MACHINE, *options, "/attacks"], cwd=ROOT)
    told = dict(line.split(": ", 1) for line in ended.stdout.splitlines())
    assert told == ATTACKS
    assert ended.status == 0
    assert (fingerprint(root / "d"), secret.read_bytes(), facts(root / "host")) == kept
    assert (root / "f").read_bytes() == b"the host's f"
    left = sorted(path.name for path in (root / "rw").iterdir())
    assert left == ["far", "g", "link", "socket", "sub"]
