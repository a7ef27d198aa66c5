"""The structures lie in memory as the compiler lays them out for the kernel's own headers.

The compiler's answer is recorded (structures_*.txt); with gcc at hand it is asked again.
"""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import Final

import pytest

from kernel_stub.abi.structures import (
    FLOCK,
    FLOCK64,
    STAT,
    STAT64,
    STATFS,
    STATFS64,
    STATX,
    Layout,
)

HERE: Final = Path(__file__).parent
SOURCE: Final = HERE / "structures.c"
ABIS: Final = {"x86_64": "-m64", "i386": "-m32"}
LAYOUTS: Final[dict[str, dict[str, Layout]]] = {
    "x86_64": {"stat": STAT[8], "statfs": STATFS[8], "flock": FLOCK[8], "statx": STATX},
    "i386": {
        "stat": STAT[4],
        "statfs": STATFS[4],
        "flock": FLOCK[4],
        "stat64": STAT64,
        "statfs64": STATFS64,
        "flock64": FLOCK64,
        "statx": STATX,
    },
}


def recorded(abi: str) -> str:
    return (HERE / f"structures_{abi}.txt").read_text("ascii")


@pytest.mark.parametrize("abi", ABIS)
def test_every_field_lies_where_the_compiler_puts_it(abi: str) -> None:
    ours = {
        (name, field, offset)
        for name, layout in LAYOUTS[abi].items()
        for field, offset in [*layout.offsets().items(), ("sizeof", layout.size)]
    }
    compilers = {
        (name, field, int(offset))
        for name, field, offset in map(str.split, recorded(abi).splitlines())
    }
    assert ours == compilers


@pytest.mark.may_skip("the compiler may lack the other word size's headers")
@pytest.mark.parametrize(("abi", "option"), ABIS.items())
def test_the_record_is_what_the_compiler_says(abi: str, option: str, tmp_path: Path) -> None:
    if shutil.which("gcc") is None:
        pytest.skip("there is no gcc")
    program = tmp_path / "structures"
    built = subprocess.run(
        ["gcc", option, "-o", program, SOURCE], capture_output=True, text=True, check=False
    )
    if built.returncode:
        pytest.skip(f"gcc {option} cannot build: {built.stderr.splitlines()[0]}")
    said = subprocess.run([program], capture_output=True, text=True, check=True)
    assert said.stdout == recorded(abi)


def test_a_field_without_a_value_is_zero_and_a_gap_has_no_name() -> None:
    layout = Layout("I a", "4x", "Q b")
    assert layout.pack({"b": 1}) == bytes(8) + b"\1" + bytes(7)
    assert layout.unpack(layout.pack({"a": 7})) == {"a": 7, "b": 0}
    assert layout.offsets() == {"a": 0, "b": 8}
