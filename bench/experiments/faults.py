"""Memory: what the first touch of a page costs, and what real tools make of it.

Pages are touched upwards, where the kernel makes some ahead, and scattered, where each is a fault.
The tools are those of the machine's own static busybox.
"""

from __future__ import annotations

import random
import shutil
import tempfile
from functools import partial
from pathlib import Path
from typing import Final

from bench.measure import Command, Subjects, interleaved
from bench.report import Row, Section
from bench.subjects import RINGSCOPE, cpu_seconds, guest, qemu, rig_run, whole_run

PROGRAM: Final = guest("touch")
UPWARDS, SCATTERED = 0, 1
TOOLS: Final = {
    "sha256sum": ("sha256sum",),
    "sort": ("sort",),
    "awk": ("awk", "{ n[$2] += $3 } END { for (k in n) s += n[k]; print s }"),
}
TOOL_ROUNDS: Final = 3
BASE: Final = "ringscope, scattered"


def run(quick: bool, rounds: int) -> list[Section]:
    """Single pages; then whole tools on a file, where there is a busybox."""
    sections = [_pages(200 if quick else 10_000, rounds)]
    if busybox := shutil.which("busybox"):
        size = 20_000 if quick else 10_000_000
        sections.append(_tools(Path(busybox), size, min(rounds, TOOL_ROUNDS)))
    return sections


def _pages(count: int, rounds: int) -> Section:
    subjects = {
        "ringscope, upwards": partial(rig_run, "ringscope", "native", PROGRAM, count, UPWARDS),
        BASE: partial(rig_run, "ringscope", "native", PROGRAM, count, SCATTERED),
    }
    if emulator := qemu(64):
        subjects["qemu-user, scattered"] = partial(_without_start, emulator, count)
    found = interleaved(subjects, rounds)
    figures = {name: figure.scaled(1e9 / count) for name, figure in found.items()}
    rows = [Row(name, figure, figure.over(figures[BASE])) for name, figure in figures.items()]
    return Section("pages", "Memory: the first touch of a page", "ns each", BASE, rows)


def _without_start(emulator: str, count: int) -> float:
    return whole_run((emulator,), PROGRAM, count, SCATTERED) - whole_run((emulator,), PROGRAM, 0)


def _tools(busybox: Path, size: int, rounds: int) -> Section:
    rows: list[Row] = []
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "lines")
        file.write_text(lines(size))
        for tool, words in TOOLS.items():
            figures = interleaved(_tool_subjects((busybox, *words, file)), rounds)
            base = figures["the host"]
            rows += [Row(f"{tool}: {name}", f, f.over(base)) for name, f in figures.items()]
    title = f"Tools: busybox on a file of {size / 1e6:.2g} MB, whole process"
    return Section("tools", title, "CPU s", "the host", rows)


def _tool_subjects(command: Command) -> Subjects:
    subjects = {
        "the host": partial(cpu_seconds, command),
        "ringscope": partial(cpu_seconds, (*RINGSCOPE, *command)),
    }
    if emulator := qemu(64):
        subjects["qemu-user"] = partial(cpu_seconds, (emulator, *command))
    return subjects


def lines(size: int) -> str:
    """At least `size` bytes of lines to sort and to add up, always the same."""
    draw = random.Random(0)
    found: list[str] = []
    length = 0
    while length < size:
        number, key, value = draw.getrandbits(32), draw.randrange(1000), draw.randrange(1000)
        found.append(f"{number:08x} {key} {value}\n")
        length += len(found[-1])
    return "".join(found)
