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


def main(arguments: list[str]) -> int:
    stale = []
    with tempfile.TemporaryDirectory() as folder:
        for name, bug in IMAGES:
            content = build(name, bug, Path(folder))
            target = HERE / "bin" / file_name(name, bug)
            if not target.exists() or target.read_bytes() != content:
                stale.append(target.name)
                if "--check" not in arguments:
                    target.write_bytes(content)
    if "--check" in arguments:
        for one in stale:
            print(f"{one} differs from what its source builds")
        return int(bool(stale))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
