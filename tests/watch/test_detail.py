"""The detailed ledger: the figures of each purpose, apart, and their sum as in the plain one."""

from __future__ import annotations

from emu.watch.detail import DetailedLedger
from emu.watch.detail_report import as_list, as_text, references_as_list
from emu.watch.ledger import Ledger

# mechanism, purpose, kernel instructions on the way in, on the way out (0: it never returned)
STORY = (
    ("syscall", "read", 10, 5),
    ("syscall", "read", 14, 7),
    ("fault", "#PF", 20, 8),
    ("syscall", "exit", 11, 0),
)


def told(ledger: Ledger) -> Ledger:
    total = 0
    for mechanism, name, entry, leave in STORY:
        ledger.entered(ledger.line(mechanism, "x86_64"), total)
        total += entry
        if isinstance(ledger, DetailedLedger):
            ledger.named(name)
        ledger.handed_over(total)
        total += leave
    ledger.close(total)
    return ledger


def the_details() -> list[tuple[object, ...]]:
    details = told(DetailedLedger()).details()
    assert details is not None
    return [
        (d.mechanism, d.name, *((s.count, s.least, s.mean, s.most) for s in (d.entry, d.exit)))
        for d in details
    ]


def test_each_purpose_has_its_least_mean_and_most() -> None:
    assert the_details() == [
        ("syscall", "read", (2, 10, 12.0, 14), (2, 5, 6.0, 7)),
        ("syscall", "exit", (1, 11, 11.0, 11), (0, 0, 0.0, 0)),
        ("fault", "#PF", (1, 20, 20.0, 20), (1, 8, 8.0, 8)),
    ]


def test_the_sums_are_those_of_a_plain_ledger() -> None:
    plain, detailed = told(Ledger()), told(DetailedLedger())
    assert detailed.rows() == plain.rows()
    assert plain.details() is None
    details = detailed.details()
    assert details is not None
    assert sum(d.entry.total for d in details) == plain.entry
    assert sum(d.exit.total for d in details) == plain.exit


def test_the_first_name_of_a_crossing_counts() -> None:
    ledger = DetailedLedger()
    ledger.entered(ledger.line("syscall", "x86_64"), 0)
    ledger.named("read")
    ledger.named("#PF")
    ledger.close(3)
    assert [detail.name for detail in ledger.details()] == ["read"]


def test_the_report_says_what_the_processor_refers_to() -> None:
    details = told(DetailedLedger()).details()
    assert details is not None
    text = as_text(details)
    assert "10    fault     in           80 bytes" in text
    assert "1    write error code: what was wrong: some exceptions" in text
    assert "0    syscall   out, sysret  none: registers and MSRs hold all" in text
    assert as_list(details)[0]["entry"] == {
        "min": 10,
        "mean": 12.0,
        "max": 14,
        "total": 24,
        "count": 2,
    }
    assert {row["mechanism"] for row in references_as_list(details)} == {"fault"}
