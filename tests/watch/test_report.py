"""The report as text, as JSON and as separated values, to the letter."""

from __future__ import annotations

import json
from typing import Final

import pytest

from emu.watch.ledger import Row
from emu.watch.report import Result, as_csv, as_dict, as_json, as_text

RESULT: Final = Result(
    command="./hello world",
    exit_status=42,
    signal=0,
    signal_name="",
    ended_by="exit",
    user=1_234_567,
    entry=89,
    exit=101,
    total=1_234_757,
    nested_traps=0,
    rows=[Row("syscall", "x86_64", 3, 81, 96), Row("fault", "x86_64", 1, 8, 5)],
    syscalls={"getpid": 1, "write": 2, "frob": 1},
    unknown_syscalls={"frob": 1},
    counter="native",
)
KILLED: Final = RESULT._replace(
    ended_by="signal", signal=11, signal_name="SIGSEGV", exit_status=139
)
NOTHING: Final = RESULT._replace(
    user=0, entry=0, exit=0, total=0, rows=[], syscalls={}, unknown_syscalls={}
)

TEXT: Final = """
 Performance counter stats for './hello world':

         1,234,757      instructions      # 100.00 %
         1,234,567      instructions:u    #  99.98 %  ring 3
                89      entry             #   0.01 %  ring 0, to the hand-over
                 0      handler           #   0.00 %  Python: no guest code
               101      exit              #   0.01 %  ring 0, back to ring 3

         crossings    by        abi        entry    each      exit    each
                 3    syscall   x86_64        81    27.0        96    32.0
                 1    fault     x86_64         8     8.0         5     5.0

         system calls
                 2    write
                 1    frob  # not in this kernel: -ENOSYS
                 1    getpid

 exited with status 42

"""
CSV: Final = """1234757,,instructions,100.00
1234567,,instructions:u,99.98
89,,entry,0.01
0,,handler,0.00
101,,exit,0.01
3,,crossings:syscall:x86_64,
81,,entry:syscall:x86_64,
96,,exit:syscall:x86_64,
1,,crossings:fault:x86_64,
8,,entry:fault:x86_64,
5,,exit:fault:x86_64,
1,,syscalls:getpid,
2,,syscalls:write,
1,,syscalls:frob,
1,,unknown_syscalls:frob,
"""


def test_the_text_is_in_the_manner_of_perf_stat() -> None:
    assert as_text(RESULT) == TEXT


def test_the_values_are_perfs_first_fields() -> None:
    assert as_csv(RESULT, ",") == CSV


@pytest.mark.parametrize("separator", [";", "\t", "::", "|"])
def test_any_separator_may_stand_between_the_values(separator: str) -> None:
    assert as_csv(RESULT, separator) == CSV.replace(",", separator)


def test_the_json_is_one_object_on_one_line() -> None:
    text = as_json(RESULT)
    assert text.count("\n") == 1
    assert json.loads(text) == {
        "command": "./hello world",
        "exit_status": 42,
        "signal": None,
        "signal_name": None,
        "ended_by": "exit",
        "instructions": {
            "total": 1_234_757,
            "user": 1_234_567,
            "entry": 89,
            "handler": 0,
            "exit": 101,
        },
        "crossings": [
            {"mechanism": "syscall", "abi": "x86_64", "count": 3, "entry": 81, "exit": 96},
            {"mechanism": "fault", "abi": "x86_64", "count": 1, "entry": 8, "exit": 5},
        ],
        "nested_traps": 0,
        "syscalls": {"getpid": 1, "write": 2, "frob": 1},
        "unknown_syscalls": {"frob": 1},
        "counter": "native",
        "cause": None,
    }


def test_the_paths_add_up_to_the_total_in_every_form() -> None:
    paths = as_dict(RESULT)["instructions"]
    assert sum(paths[path] for path in ("user", "entry", "handler", "exit")) == paths["total"]
    values = [int(line.split(",")[0]) for line in as_csv(RESULT, ",").splitlines()[:5]]
    assert sum(values[1:]) == values[0]


def test_a_signal_is_told_by_number_and_by_name() -> None:
    told = as_dict(KILLED)
    assert (told["signal"], told["signal_name"], told["exit_status"]) == (11, "SIGSEGV", 139)


@pytest.mark.parametrize(
    ("result", "ending"),
    [
        (RESULT, "exited with status 42"),
        (KILLED, "killed by SIGSEGV, status 139"),
        (RESULT._replace(ended_by="limit"), "stopped by --max-instructions, status 42"),
        (
            RESULT._replace(ended_by="interrupt", exit_status=130),
            "interrupted, status 130",
        ),
    ],
)
def test_the_text_ends_with_how_the_run_ended(result: Result, ending: str) -> None:
    assert as_text(result).splitlines()[-2] == f" {ending}"


def test_an_ending_that_is_not_known_is_an_error_of_ours() -> None:
    with pytest.raises(KeyError):
        as_text(RESULT._replace(ended_by="magic"))


def test_a_run_of_nothing_divides_by_nothing() -> None:
    lines = as_text(NOTHING).splitlines()
    assert "                 0      instructions      #   0.00 %" in lines
    assert "         no crossing into ring 0" in lines
    assert "system calls" not in as_text(NOTHING)
    assert as_csv(NOTHING, ",").splitlines()[0] == "0,,instructions,0.00"


LARGE: Final = RESULT._replace(
    user=10**12,
    entry=10**8,
    exit=10**8,
    total=10**12 + 2 * 10**8,
    rows=[Row("interrupt", "x86_64", 10**7, 10**8 - 1, 10**8 - 1)],
)


def test_large_figures_keep_their_row_within_80_columns() -> None:
    (row,) = (line for line in as_text(LARGE).splitlines() if "interrupt" in line)
    assert row.split() == [
        *("10,000,000", "interrupt", "x86_64", "99,999,999", "10.0", "99,999,999", "10.0")
    ]
    assert len(row) <= 80


def test_every_line_of_the_text_stays_within_80_columns() -> None:
    assert max(len(line) for line in as_text(LARGE).splitlines()) <= 80
