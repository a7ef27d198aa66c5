"""Assembly text to bytes: GNU as where it is installed, else LLVM's assembler from PyPI.

Both read AT&T syntax and GNU's directives (`.intel_syntax noprefix` too). The text is one section
without addresses that a linker must fill in. Who has neither gives bytes. It knows no machine.
"""

from __future__ import annotations

import io
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from emu.errors import LoadError, UsageError
from emu.load.elf import text_of_object

NONE: Final = (
    "no assembler is here: install GNU as (binutils), or llvmlite (pip install 'ringscope[asm]'), "
    "or give bytes, e.g. bytes.fromhex('0f05')"
)
_NAME: Final = re.compile(r"[A-Za-z_.][\w.]*")
_LOCATION: Final = re.compile(r"^.*?:(\d+)(?::\d+)?: *(?:[Ee]rror: *)?(.*)$", re.MULTILINE)


def assemble(text: str, bits: int = 64, symbols: Mapping[str, int] = {}) -> bytes:
    """The bytes of `text`. It may use the names of `symbols` as numbers.

    Raises:
        UsageError: no assembler is installed, or the text is wrong; the sentence says where.
    """
    used = {*_NAME.findall(text)} & symbols.keys()
    given = "".join(f".set {name}, {symbols[name]:#x}; " for name in sorted(used))
    return _assembled(given + text, bits)


@cache
def _assembled(text: str, bits: int) -> bytes:
    assembler = find()
    if assembler is None:
        raise UsageError(NONE)
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder, "code.o")
        command = assembler(bits, target)
        result = subprocess.run(
            command, input=text + "\n", text=True, capture_output=True, check=False
        )
        if result.returncode:
            raise UsageError(_complaint(text, result.stderr))
        try:
            return text_of_object(io.BytesIO(target.read_bytes()))
        except LoadError as error:
            raise UsageError(f"this text cannot be assembled alone: {error}") from None


def _complaint(text: str, stderr: str) -> str:
    found = _LOCATION.findall(stderr)
    if not found:
        return f"the assembler refuses the text: {stderr.strip()[-200:]}"
    number, what = next((one for one in found if one[1]), found[0])
    line = text.splitlines()[min(int(number), len(text.splitlines())) - 1].strip()
    return f"the assembler refuses `{line}`: {what}"


def find() -> Callable[[int, Path], list[str]] | None:
    """The command of the assembler that is installed, as a function of bits and target."""
    if gnu := shutil.which("as"):
        return lambda bits, target: [gnu, f"--{bits}", "-o", str(target), "-"]
    if find_spec("llvmlite") is not None:
        return _llvm
    return None


def _llvm(bits: int, target: Path) -> list[str]:
    return [sys.executable, "-c", _LLVM_PROGRAM, _TRIPLES[bits], str(target)]


# LLVM ends the process at an error in the text, so it runs in one of its own.
_LLVM_PROGRAM: Final = """
import sys
import llvmlite.binding as llvm
llvm.initialize_all_targets()
llvm.initialize_all_asmprinters()
llvm.initialize_native_asmparser()
triple, target = sys.argv[1:]
text = "".join(c if c.isalnum() and c.isascii() else f"\\\\{ord(c):02x}" for c in sys.stdin.read())
module = llvm.parse_assembly(f'target triple = "{triple}"\\nmodule asm "{text}"')
with open(target, "wb") as file:
    file.write(llvm.Target.from_triple(triple).create_target_machine().emit_object(module))
"""
_TRIPLES: Final = {64: "x86_64-unknown-linux-gnu", 32: "i386-unknown-linux-gnu"}
