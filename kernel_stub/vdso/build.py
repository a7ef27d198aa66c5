"""Builds the vDSO: python -m kernel_stub.vdso.build [--check]

Assembles vdso64.S and vdso32.S with GNU as and links each into a shared object as small as it is
mapped, with a list of its symbols in the format of /proc/kallsyms. `--check` compares with the
committed files instead of writing them. They are committed, so that nobody needs an assembler.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Final, NamedTuple

from kernel_stub.vdso.constants import CONSTANTS, as_assembly

HERE: Final = Path(__file__).parent


class Image(NamedTuple):
    """One image: names of the tools, its own name, and what it exports in which version."""

    name: str
    machine: str
    flag: str
    soname: str
    versions: dict[str, tuple[str, ...]]


_CLOCKS: Final = ("clock_getres", "clock_gettime", "getcpu", "gettimeofday", "time")
IMAGES: Final = (
    Image(
        "vdso64",
        "elf_x86_64",
        "--64",
        "linux-vdso.so.1",
        {"LINUX_2.6": (*(f"__vdso_{name}" for name in _CLOCKS), *_CLOCKS)},
    ),
    Image(
        "vdso32",
        "elf_i386",
        "--32",
        "linux-gate.so.1",
        {
            "LINUX_2.6": tuple(f"__vdso_{name}" for name in (*_CLOCKS, "clock_gettime64")),
            "LINUX_2.5": ("__kernel_vsyscall", "__kernel_sigreturn", "__kernel_rt_sigreturn"),
        },
    ),
)


def build(folder: Path) -> dict[str, bytes]:
    """Every generated file by name, built in `folder`."""
    files: dict[str, bytes] = {}
    for image in IMAGES:
        name = image.name
        files[f"{name}.inc"] = as_assembly(*CONSTANTS[name]).encode()
        (folder / f"{name}.inc").write_bytes(files[f"{name}.inc"])
        (folder / "exports").write_text(_exports(image.versions))
        _run(folder, "as", image.flag, "-I", str(HERE), "-o", f"{name}.o", str(HERE / f"{name}.S"))
        _run(folder, *_link(image))
        _run(folder, "objcopy", "--strip-all", f"{name}.elf", f"{name}.so")
        files[f"{name}.so"] = (folder / f"{name}.so").read_bytes()
        listing = _run(folder, "nm", "-n", "--defined-only", f"{name}.elf")
        files[f"{name}.map"] = _symbols(listing)
    return files


def _link(image: Image) -> list[str]:
    name = image.name
    return [
        *("ld", "-m", image.machine, "-shared", "-Bsymbolic", "--hash-style=both"),
        *("--build-id=none", "--eh-frame-hdr", "-z", "max-page-size=4096", "-z", "noexecstack"),
        *("-soname", image.soname, "--version-script", "exports"),
        *("-T", str(HERE / "vdso.lds"), "-o", f"{name}.elf", f"{name}.o"),
    ]


def _run(folder: Path, *command: str) -> str:
    ended = subprocess.run(command, cwd=folder, check=True, stdout=subprocess.PIPE)
    return ended.stdout.decode()


def _exports(versions: dict[str, tuple[str, ...]]) -> str:
    """A version script: the named symbols, and nothing else. The first version hides the rest."""
    parts = []
    hidden = " local: *;"
    for version, names in versions.items():
        listed = " ".join(f"{name};" for name in names)
        parts.append(f"{version} {{ global: {listed}{hidden} }};\n")
        hidden = ""
    return "".join(parts)


def _symbols(listing: str) -> bytes:
    """nm's lines of code, weak names and local ones too."""
    rows = (line.split() for line in listing.splitlines())
    return "".join(
        f"{int(address, 16):016x} {kind} {name}\n"
        for address, kind, name in rows
        if kind in "tTW" and not name.startswith("LINUX_")
    ).encode()


def stale(files: dict[str, bytes], folder: Path) -> Iterable[str]:
    """The names of the files that `folder` does not have so."""
    return [
        n for n, b in files.items() if not (folder / n).exists() or (folder / n).read_bytes() != b
    ]


def main(arguments: list[str]) -> int:
    with tempfile.TemporaryDirectory() as folder:
        files = build(Path(folder))
    names = stale(files, HERE)
    if "--check" in arguments:
        for name in names:
            print(f"kernel_stub/vdso/{name} differs from what its source builds")
        return int(bool(names))
    for name in names:
        (HERE / name).write_bytes(files[name])
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
