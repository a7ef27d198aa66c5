"""Builds the kernels of this folder: python examples/kernels/build.py [--check]

Assembles and links each source with GNU as and ld, once as it is and once for each bug that it can
have. `--check` compares with the committed images instead of writing them.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Final

HERE: Final = Path(__file__).resolve().parent
TOOLCHAIN: Final = HERE / "toolchain.txt"
BASE: Final = "0xffffffff80100000"
# source, and the bugs that it can have
KERNELS: Final = {
    "alltraps": ("SWAPGS", "REGISTER", "ORDER", "FRAME"),
    "quick": ("SWAPGS", "PARANOID", "LEAK", "STACK"),
}
IMAGES: Final = tuple((name, bug) for name, bugs in KERNELS.items() for bug in (None, *bugs))


def file_name(name: str, bug: str | None) -> str:
    """`alltraps.elf`, or `alltraps-frame.elf` with a bug."""
    return f"{name}-{bug.lower()}.elf" if bug else f"{name}.elf"


def build(name: str, bug: str | None, folder: Path) -> bytes:
    """One image. Raises CalledProcessError: a tool refuses."""
    defined = ["--defsym", f"BUG_{bug}=1"] if bug else []
    object_, target = folder / f"{name}.o", folder / file_name(name, bug)
    source = HERE / "src" / f"{name}.S"
    subprocess.run(["as", "--64", *defined, "-o", str(object_), str(source)], check=True)
    link = ["ld", "-m", "elf_x86_64", "--build-id=none", "-z", "max-page-size=4096"]
    link += ["-z", "noexecstack", "-e", "0", f"-Ttext-segment={BASE}", "-o", str(target)]
    subprocess.run([*link, str(object_)], check=True)
    return target.read_bytes()


def tools() -> str:
    """The first line that each tool says of itself."""
    said = [
        subprocess.run([tool, "--version"], check=True, capture_output=True, text=True).stdout
        for tool in ("as", "ld")
    ]
    return "".join(one.splitlines()[0] + "\n" for one in said)


def build_all() -> dict[str, bytes]:
    """Every image by the name of its file."""
    with tempfile.TemporaryDirectory() as folder:
        return {file_name(*image): build(*image, Path(folder)) for image in IMAGES}


def check() -> int:
    """Compares; returns the exit status."""
    if tools() != TOOLCHAIN.read_text():
        print(f"not compared: built with {TOOLCHAIN.read_text().strip()!r}, here is {tools()!r}")
        return 0
    images = build_all().items()
    stale = [name for name, content in images if (HERE / "bin" / name).read_bytes() != content]
    for name in stale:
        print(f"{name} differs from what its source builds")
    return int(bool(stale))


def main(arguments: list[str]) -> int:
    if "--check" in arguments:
        return check()
    for name, content in build_all().items():
        (HERE / "bin" / name).write_bytes(content)
    TOOLCHAIN.write_text(tools())
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
