"""The committed images are what their sources build, byte for byte.

With other tools than those of toolchain.txt they are not compared.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
BUILD = HERE / "build.py"


@pytest.mark.skipif(not (shutil.which("as") and shutil.which("ld")), reason="needs binutils")
def test_the_images_are_what_the_sources_build() -> None:
    command = [sys.executable, str(BUILD), "--check"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout == "" or done.stdout.startswith("not compared")


def test_every_image_has_its_source() -> None:
    sources = {path.stem for path in (HERE / "src").glob("*.S")}
    assert {path.stem.partition("-")[0] for path in (HERE / "bin").iterdir()} == sources
