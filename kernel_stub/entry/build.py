"""Builds the entry code: python -m kernel_stub.entry.build [--check]

Assembles entry.S with GNU as and ld into a raw image with a symbol list in the format of
/proc/kallsyms, and what a debugger unwinds it by (entry.frame). `--check` compares with the
committed files instead of writing them. The images are committed, so that nobody needs an assembler
to run.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Final

from kernel_stub import layout
from kernel_stub.entry.constants import as_assembly

HERE: Final = Path(__file__).parent
# name, ld's machine, as's flag, base address
IMAGES: Final = (("entry", "elf_x86_64", "--64", layout.KERNEL_TEXT),)


def build(folder: Path) -> dict[str, bytes]:
    """Every generated file by name, built in `folder`."""
    files = {"offsets.inc": as_assembly().encode()}
    (folder / "offsets.inc").write_bytes(files["offsets.inc"])
    for name, machine, flag, base in IMAGES:
        where = {"cwd": folder, "check": True}
        subprocess.run(["as", flag, "-o", f"{name}.o", str(HERE / f"{name}.S")], **where)  # type: ignore[call-overload]  # a dict of keywords
        link = ["ld", "-m", machine, "--build-id=none", f"-Ttext={base:#x}", "-e", "0"]
        subprocess.run([*link, "-o", f"{name}.elf", f"{name}.o"], **where)  # type: ignore[call-overload]  # a dict of keywords
        copy = ["objcopy", "-O", "binary", "-j", ".text", f"{name}.elf", f"{name}.bin"]
        subprocess.run(copy, **where)  # type: ignore[call-overload]  # a dict of keywords
        files[f"{name}.bin"] = (folder / f"{name}.bin").read_bytes()
        if name == "entry":
            dump = ["objcopy", "--dump-section", f".debug_frame={name}.frame", f"{name}.elf"]
            subprocess.run(dump, **where)  # type: ignore[call-overload]  # a dict of keywords
            files[f"{name}.frame"] = (folder / f"{name}.frame").read_bytes()
        listing = subprocess.run(
            ["nm", "-n", "--defined-only", f"{name}.elf"], capture_output=True, **where
        )  # type: ignore[call-overload]  # a dict of keywords
        files[f"{name}.map"] = _symbols(listing.stdout.decode())
    return files


def _symbols(listing: str) -> bytes:
    """nm's lines without the linker's own symbols."""
    rows = [line.split() for line in listing.splitlines()]
    made_by_ld = ("__bss_start", "_edata", "_end")
    return "".join(
        f"{int(address, 16):016x} {kind} {name}\n"
        for address, kind, name in rows
        if name not in made_by_ld and kind in "tT"
    ).encode()


def main(arguments: list[str]) -> int:
    with tempfile.TemporaryDirectory() as folder:
        files = build(Path(folder))
    stale = [n for n, b in files.items() if not (HERE / n).exists() or (HERE / n).read_bytes() != b]
    if "--check" in arguments:
        for name in stale:
            print(f"kernel_stub/entry/{name} differs from what its source builds")
        return int(bool(stale))
    for name in stale:
        (HERE / name).write_bytes(files[name])
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
