"""The recorded counts are the processor's, and the ones made by hand."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import pytest

from tests.counting import counts
from tests.oracle import stepper

RECORDED: Final = counts.recorded()
every_program = pytest.mark.parametrize("name", counts.names())


def test_every_program_is_recorded_and_every_record_has_a_program() -> None:
    assert sorted(RECORDED) == counts.names()


@every_program
def test_the_processor_of_this_host_counts_what_is_recorded(name: str) -> None:
    if (reason := stepper.reason_not_to_step()) is not None:
        pytest.skip(reason)
    assert stepper.count(counts.program(name)) == RECORDED[name]


@every_program
def test_the_count_made_by_hand_is_what_is_recorded(name: str) -> None:
    assert counts.made_by_hand(name) == RECORDED[name].user


@pytest.mark.parametrize(
    "text", ["1 / 2", "x", "1 + x", "len([1])", "1.5", "-1"], ids=lambda text: text
)
def test_a_count_made_by_hand_is_a_sum_and_nothing_else(
    text: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "odd.S").write_text(f"/*\n * retired: {text}\n */\n")
    monkeypatch.setattr(counts, "SOURCES", tmp_path)
    with pytest.raises(ValueError, match="not a sum"):
        counts.made_by_hand("odd")


def test_a_source_without_a_count_is_refused(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "silent.S").write_text("/* nothing */\n")
    monkeypatch.setattr(counts, "SOURCES", tmp_path)
    with pytest.raises(ValueError, match=r"silent\.S does not say"):
        counts.made_by_hand("silent")
