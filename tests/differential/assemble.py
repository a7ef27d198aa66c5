"""Snippets to bytes, by GNU as in one go; and the oracle, which runs the bytes on this host.

It knows the assembler's and the oracle's input and output. `python -m tests.differential.assemble`
writes recorded.json anew: bytes and ends of all snippets, and the processor that they are of.
"""

from __future__ import annotations

import functools
import json
import platform
import re
import shutil
import struct
import subprocess
import tempfile
from pathlib import Path
from typing import Any, Final

from tests.differential.snippet import (
    CODE,
    DATA,
    PATTERN,
    READ_ONLY,
    STACK,
    Snippet,
    end,
    fpu_image,
    registers,
)
from tests.differential.snippets import snippets
from tests.oracle import host

ORACLE: Final = Path(__file__).with_name("oracle.c")
RECORDED: Final = Path(__file__).with_name("recorded.json")
_PLACES: Final = {"D": DATA, "R": READ_ONLY, "K": STACK}
_SPAN: Final = struct.Struct("<II")


def _source(number: int, snippet: Snippet) -> str:
    """Labels of addresses are numbers: the distance from the snippet's start, and CODE."""
    text = re.sub(r"@\((\w+)\)", lambda found: f"({found[1]}-S{number}+{CODE})", snippet.text)
    text = text.replace(f"(S-S{number}", f"(S{number}-S{number}")
    return (
        f".balign 64, 0xcc\n.code{snippet.bits}\nS{number}: {text}\n.code64\nE{number}:\n"
        f".section .spans\n.long S{number}-B, E{number}-S{number}\n.text\n"
    )


def assemble(wanted: tuple[Snippet, ...]) -> list[bytes]:
    """The bytes of each snippet."""
    places = "".join(f"{name} = {address}\n" for name, address in _PLACES.items())
    source = places + "B:\n" + "".join(_source(*row) for row in enumerate(wanted))
    with tempfile.TemporaryDirectory() as folder:
        made = Path(folder, "snippets.o")
        command = ["as", "--64", "-o", str(made)]
        subprocess.run(command, input=source, text=True, check=True)
        code, spans = (_section(made, name) for name in (".text", ".spans"))
    return [code[at : at + size] for at, size in _SPAN.iter_unpack(spans)]


def _section(made: Path, name: str) -> bytes:
    out = made.with_suffix(".bin")
    only = ["-j", name, "--set-section-flags", f"{name}=alloc,contents"]
    subprocess.run(["objcopy", "-O", "binary", *only, made, out], check=True)
    return out.read_bytes()


@functools.cache
def reason_not_to_record() -> str | None:
    """Why this host cannot be asked, or None."""
    if not host.is_x86_64_linux():
        return "the host is not Linux on x86_64"
    for tool in ("gcc", "as", "objcopy"):
        if shutil.which(tool) is None:
            return f"{tool} is not installed"
    return None


def ask_the_processor(wanted: tuple[Snippet, ...], codes: list[bytes]) -> list[dict[str, Any]]:
    """The end of each snippet on this host."""
    lines = [f"{CODE:x} {DATA:x} {READ_ONLY:x} {STACK:x}", PATTERN.hex(), fpu_image().hex()]
    for snippet, code in zip(wanted, codes, strict=True):
        values = " ".join(f"{value:x}" for value in registers(snippet.bits))
        lines.append(f"{snippet.bits} {code.hex()} {values}")
    with tempfile.TemporaryDirectory() as folder:
        oracle = Path(folder, "oracle")
        strict = ("-O2", "-std=gnu11", "-Wall", "-Wextra", "-Werror")
        subprocess.run(["gcc", *strict, "-o", oracle, ORACLE], check=True)
        done = subprocess.run(
            [oracle], input="\n".join(lines), text=True, stdout=subprocess.PIPE, check=True
        )
    rows = map(json.loads, done.stdout.splitlines())
    return [end(snippet.bits, row) for snippet, row in zip(wanted, rows, strict=True)]


def record() -> dict[str, Any]:
    """What recorded.json holds."""
    codes = assemble(snippets())
    ends = ask_the_processor(snippets(), codes)
    rows = zip(snippets(), codes, ends, strict=True)
    return {
        "vendor": host.vendor(),
        "model": host.cpuinfo()["model name"],
        "family": f"{host.cpuinfo()['cpu family']}/{host.cpuinfo()['model']}",
        "kernel": platform.release().split("-")[0],
        "snippets": {
            snippet.name: {"code": code.hex(), "end": ended} for snippet, code, ended in rows
        },
    }


def main() -> None:
    """Writes recorded.json, one line for each snippet."""
    made = record()
    rows = ",\n".join(f'"{k}": {json.dumps(v)}' for k, v in made.pop("snippets").items())
    head = json.dumps(made, indent=0)[:-2]
    RECORDED.write_text(f'{head},\n"snippets": {{\n{rows}\n}}}}\n', "utf-8")


if __name__ == "__main__":
    main()
