"""The plugin as pytest runs it: fixtures, markers, what a failure shows, golden files, xdist.

Each test runs pytest on a file of its own. What a failing test prints is kept as a golden file.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from emu.testing import Golden
from tests.source_tree import ROOT

QUICK = ROOT / "examples/kernels/bin/quick.elf"
PLUGIN = ("-p", "emu.testing.plugin", "-p", "no:xdist", "--color=no")
INT80, SYSCALL = 'bytes.fromhex("cd80")', 'bytes.fromhex("0f05")'

FAILING = """
from emu.testing import Frame

def test_the_frame_is_as_my_handler_expects(ring3):
    trap = ring3.code(bytes.fromhex("cd80")).run_until_trap()
    assert trap.frame == Frame(cs=0x2b, ss=0x33, rflags=0x246)

def test_int_changes_nothing_but_the_stack(ring3):
    trap = ring3.code(bytes.fromhex("cd80")).run_until_trap()
    assert trap.entry == trap.user.but(cpl=0, cs=0x10, ss=0, rip=trap.entry.rip)
"""
LEAKING = f"""
import pytest

@pytest.mark.check_crossings
@pytest.mark.machine(
    kernel={str(QUICK.with_name("quick-leak.elf"))!r},
    msrs={{"LSTAR": "syscall_entry", "FMASK": 0x47700, "KERNEL_GS_BASE": "cpu0"}},
)
def test_my_first_system_call(ring3):
    back = ring3.code(bytes.fromhex("0f05"), rax=1, rdi=2, rsi=40, rdx=0xD).run_until_user()
    assert back.user.rax == 42
"""


@pytest.fixture
def run(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> pytest.Pytester:
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.delenv("CI", raising=False)  # there pytest cuts no line short
    pytester.makeini("[pytest]\nfilterwarnings = error\n")
    return pytester


def printed(result: pytest.RunResult) -> str:
    """What pytest printed, without what differs from run to run."""
    text = "\n".join(result.outlines)
    text = re.sub(
        r"(?m)^(platform|plugins|rootdir|configfile|cachedir|All traceback).*\n", "", text
    )
    text = re.sub(r"in \d+\.\d+s", "in 0.00s", text)
    text = re.sub(r"(kept in ).*/", r"\1.../", text)
    return re.sub(r"(?m)^=+( .+ )=+$", lambda found: f"===={found[1]}====", text) + "\n"


def test_the_fixtures_and_markers_have_texts_of_their_own(run: pytest.Pytester) -> None:
    fixtures = run.runpytest(*PLUGIN, "--fixtures")
    fixtures.stdout.re_match_lines_random(["machine -- .*", "ring3 -- .*", "golden -- .*"])
    fixtures.stdout.no_fnmatch_line("*no docstring available*")
    markers = run.runpytest(*PLUGIN, "--markers")
    markers.stdout.fnmatch_lines(
        ["@pytest.mark.machine(*declaration*", "@pytest.mark.check_cross*"]
    )


@pytest.mark.parametrize(("source", "failed"), [(FAILING, 2), (LEAKING, 1)])
def test_a_failure_explains_itself(
    run: pytest.Pytester, golden: Golden, source: str, failed: int
) -> None:
    run.makepyfile(test_kernel=source)
    result = run.runpytest(*PLUGIN)
    result.assert_outcomes(failed=failed)
    golden(printed(result), str(failed))


def test_a_wrong_declaration_is_shown_at_the_line_of_the_test(run: pytest.Pytester) -> None:
    run.makepyfile('def test_it(machine):\n    machine(msrs={"LSTART": 0})\n')
    result = run.runpytest(*PLUGIN)
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*UsageError: no MSR 'LSTART'; known: *"])
    result.stdout.no_fnmatch_line("*emu?testing?*.py:*")


def test_the_crossing_of_a_failing_test_is_kept(run: pytest.Pytester) -> None:
    run.makepyfile(test_kernel=FAILING)
    result = run.runpytest(*PLUGIN, "--ringscope-artifacts", "kept")
    result.assert_outcomes(failed=2)
    kept = sorted(path.name for path in Path(run.path, "kept").iterdir())
    assert kept == [
        "test_kernel.py-test_int_changes_nothing_but_the_stack.txt",
        "test_kernel.py-test_the_frame_is_as_my_handler_expects.txt",
    ]
    assert "int80: ring 3 -> ring 0" in Path(run.path, "kept", kept[0]).read_text()


def test_a_passing_test_keeps_nothing(run: pytest.Pytester) -> None:
    run.makepyfile(f"def test_it(ring3):\n    ring3.code({INT80}).run_until_trap()\n")
    run.runpytest(*PLUGIN, "--ringscope-artifacts", "kept").assert_outcomes(passed=1)
    assert not Path(run.path, "kept").exists()


def test_without_pytests_cache_a_failure_is_shown_all_the_same(run: pytest.Pytester) -> None:
    run.makepyfile(FAILING)
    result = run.runpytest(*PLUGIN, "-p", "no:cacheprovider")
    result.assert_outcomes(failed=2)
    result.stdout.fnmatch_lines(["*ringscope: the crossing*"])
    result.stdout.no_fnmatch_line("kept in*")


def test_the_marker_declares_what_the_call_may_overrule(run: pytest.Pytester) -> None:
    run.makepyfile(
        f"""
        import pytest
        pytestmark = pytest.mark.machine(vendor="amd", msrs={{"LSTAR": "vector_0x20"}})

        @pytest.mark.machine(msrs={{"LSTAR": "vector_0x21"}})
        def test_the_nearest_wins(ring3, machine):
            where = ring3.code({SYSCALL}).run_until_trap().entry.rip
            assert where == ring3.symbols["vector_0x21"]
            assert ring3.machine.processor.vendor.name == "amd"
            assert machine(vendor="intel").machine.processor.vendor.name == "intel"
        """
    )
    run.runpytest(*PLUGIN).assert_outcomes(passed=1)


def test_a_relative_kernel_lies_below_the_root_directory(run: pytest.Pytester) -> None:
    Path(run.path, "build").mkdir()
    Path(run.path, "build/kernel.elf").write_bytes(QUICK.read_bytes())
    run.makepyfile(
        'def test_it(machine):\n    assert machine("build/kernel.elf").symbols["dispatch"]\n'
    )
    run.runpytest(*PLUGIN).assert_outcomes(passed=1)


def test_a_bug_may_be_allowed(run: pytest.Pytester) -> None:
    allowed = 'check_crossings(allow=["registers", "kernel-address"])'
    run.makepyfile(LEAKING.replace("check_crossings", allowed, 1))
    run.runpytest(*PLUGIN).assert_outcomes(passed=1)


GOLDEN_TEST = f"""
import pytest

@pytest.mark.parametrize("number", [1, 2])
def test_a_crossing(ring3, golden, number):
    golden(ring3.code({INT80}, rax=number).run_until_trap())
"""


def test_golden_files_are_written_when_asked_for_and_then_hold(run: pytest.Pytester) -> None:
    run.makepyfile(test_gold=GOLDEN_TEST)
    run.runpytest(*PLUGIN).assert_outcomes(failed=2)
    written = run.runpytest(*PLUGIN, "--update-golden")
    written.assert_outcomes(passed=2)
    written.stdout.fnmatch_lines(["golden file written: *golden?test_gold?test_a_crossing-1.txt"])
    run.runpytest(*PLUGIN).assert_outcomes(passed=2)
    path = Path(run.path, "golden/test_gold/test_a_crossing-2.txt")
    path.write_text(path.read_text().replace("RSP0", "IST 1"))
    changed = run.runpytest(*PLUGIN)
    changed.assert_outcomes(passed=1, failed=1)
    changed.stdout.fnmatch_lines(["*-stack: IST 1", "*+stack: RSP0"])


def test_it_works_with_workers(run: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    run.makepyfile(test_gold=GOLDEN_TEST, test_kernel=FAILING)
    arguments = ("-p", "emu.testing.plugin", "-p", "xdist", "-n", "2", "--update-golden")
    result = run.runpytest_subprocess(*arguments, "--ringscope-artifacts", "kept")
    result.assert_outcomes(passed=2, failed=2)
    result.stdout.fnmatch_lines(["*ringscope: the crossing*"])
    result.stdout.fnmatch_lines(["golden file written: *"] * 2)
    assert len(list(Path(run.path, "kept").iterdir())) == 2


def test_nothing_heavy_is_imported_at_collection(
    run: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    run.makeconftest(
        """
        import sys

        def pytest_collection_finish():
            heavy = {"unicorn", "capstone", "elftools", "emu.machine", "emu.testing.guest"}
            print("heavy:", sorted(heavy & sys.modules.keys()))
        """
    )
    run.makepyfile("from emu.testing import Frame, Gate\n\ndef test_it(ring3):\n    pass\n")
    arguments = ("-p", "emu.testing.plugin", "-p", "no:xdist", "--collect-only", "-s")
    result = run.runpytest_subprocess(*arguments)
    result.stdout.fnmatch_lines(["*heavy: []*"])
