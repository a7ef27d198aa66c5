"""Every snippet ends in the machine as on the recorded processor: registers, memory, signal.

The record is the oracle; where the host is of the same vendor, it is asked again. `known.py` says
what differs, and each of its rows must be true.
"""

from __future__ import annotations

import functools
import json
from fnmatch import fnmatchcase
from typing import Any

import pytest

from tests.cpu.machine_builder import COUNTERS
from tests.differential import assemble, known
from tests.differential.runner import Runner
from tests.differential.snippet import MXCSR_FLAGS, Snippet, differences
from tests.differential.snippets import snippets
from tests.oracle import host

KNOWN = [snippet for snippet in snippets() if known.reason(snippet.name)]
EQUAL = [snippet for snippet in snippets() if not known.reason(snippet.name)]
GROUP = 40  # snippets for one test: they are many and short


@functools.cache
def recorded() -> dict[str, Any]:
    record: dict[str, Any] = json.loads(assemble.RECORDED.read_text("utf-8"))
    return record


def code_of(snippet: Snippet) -> bytes:
    return bytes.fromhex(recorded()["snippets"][snippet.name]["code"])


@functools.cache
def runner() -> Runner:
    return Runner(recorded()["vendor"])


def compare(snippet: Snippet) -> dict[str, Any]:
    here = runner().run(snippet.bits, code_of(snippet))
    return differences(snippet, here, recorded()["snippets"][snippet.name]["end"])


def test_the_record_has_every_snippet_and_no_other() -> None:
    assert list(recorded()["snippets"]) == [snippet.name for snippet in snippets()]


@pytest.mark.parametrize("first", range(0, len(EQUAL), GROUP))
def test_the_machine_ends_as_the_processor(first: int) -> None:
    found = {snippet.name: compare(snippet) for snippet in EQUAL[first : first + GROUP]}
    assert {name: pair for name, pair in found.items() if pair} == {}


@pytest.mark.parametrize("snippet", KNOWN, ids=lambda snippet: snippet.name)
def test_the_machine_differs_where_it_is_known_to(
    snippet: Snippet, request: pytest.FixtureRequest
) -> None:
    request.applymarker(pytest.mark.xfail(reason=str(known.reason(snippet.name)), strict=True))
    assert compare(snippet) == {}


@pytest.mark.parametrize("pattern", known.KNOWN_DIFFERENCES)
def test_every_known_difference_names_a_snippet(pattern: str) -> None:
    assert any(fnmatchcase(snippet.name, pattern) for snippet in snippets())


@pytest.mark.xfail(strict=True, reason="engine: it sets no flag of an SSE exception in MXCSR")
def test_an_inexact_sum_sets_the_precision_flag() -> None:
    snippet = next(row for row in snippets() if row.name == "addss_one_third")
    here = runner().run(snippet.bits, code_of(snippet))
    there = recorded()["snippets"][snippet.name]["end"]
    flags = [int(end.get("mxcsr", "0x1f80"), 16) & MXCSR_FLAGS for end in (here, there)]
    assert flags[0] == flags[1] != 0


@pytest.mark.parametrize("counter", COUNTERS)
def test_a_machine_of_its_own_in_the_other_order_ends_the_same(counter: str) -> None:
    again = Runner(recorded()["vendor"], counter)
    chosen = snippets()[::3]
    backwards = [again.run(row.bits, code_of(row)) for row in reversed(chosen)]
    assert backwards[::-1] == [runner().run(row.bits, code_of(row)) for row in chosen]


@pytest.mark.may_skip("it takes gcc, and a processor of the recorded vendor")
def test_this_host_ends_as_recorded() -> None:
    if (lack := assemble.reason_not_to_record()) is not None:
        pytest.skip(lack)
    if host.vendor() != recorded()["vendor"]:
        pytest.skip(f"recorded on {recorded()['vendor']}, the host has {host.vendor()}")
    now = assemble.record()["snippets"]
    then = recorded()["snippets"]
    assert {name: row for name, row in now.items() if row != then[name]} == {}
