"""Text becomes bytes by whichever assembler is there; without one, a sentence says what to do."""

from __future__ import annotations

import shutil
from importlib.util import find_spec

import pytest

from emu.errors import UsageError
from emu.testing import assembler
from emu.testing.assembler import assemble

NEED = {
    "gnu": (shutil.which("as") is None, "GNU as is not installed"),
    "llvm": (find_spec("llvmlite") is None, "llvmlite is not installed"),
}
WITH = [
    pytest.param(
        name,
        marks=[
            pytest.mark.skipif(missing, reason=reason),
            # CI need not have the second choice
            *([pytest.mark.may_skip(reason)] if name == "llvm" else []),
        ],
    )
    for name, (missing, reason) in NEED.items()
]
TEXTS = {
    "mov $39, %eax; syscall": (64, "b827000000 0f05"),
    "mov $39, %eax\nint $0x80": (32, "b827000000 cd80"),
    "1: jmp 1b": (64, "ebfe"),
    "inc %eax": (32, "40"),
    ".intel_syntax noprefix\nmov eax, 39": (64, "b827000000"),
    "mov $dispatch, %eax": (64, "b834120000"),
}


@pytest.fixture
def only(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only the assembler of that name is there."""
    assembler._assembled.cache_clear()
    if request.param != "gnu":
        monkeypatch.setattr(shutil, "which", lambda name: None)
    if request.param != "llvm":
        monkeypatch.setattr(assembler, "find_spec", lambda name: None)


@pytest.mark.parametrize("only", WITH, indirect=True)
@pytest.mark.parametrize("text", TEXTS)
@pytest.mark.usefixtures("only")
def test_a_text_gives_its_bytes(text: str) -> None:
    bits, code = TEXTS[text]
    assert assemble(text, bits, {"dispatch": 0x1234}) == bytes.fromhex(code)


@pytest.mark.parametrize("only", WITH, indirect=True)
@pytest.mark.usefixtures("only")
def test_a_wrong_line_is_quoted() -> None:
    with pytest.raises(UsageError, match=r"the assembler refuses `mvo %eax, %ebx`: .*mvo"):
        assemble("nop\nmvo %eax, %ebx\nnop")


@pytest.mark.parametrize("only", WITH, indirect=True)
@pytest.mark.usefixtures("only")
def test_a_text_that_needs_a_linker_is_refused() -> None:
    with pytest.raises(UsageError, match="only a linker knows the address of elsewhere"):
        assemble("call elsewhere")


@pytest.mark.parametrize("only", ["none"], indirect=True)
@pytest.mark.usefixtures("only")
def test_without_an_assembler_the_sentence_names_three_ways_out() -> None:
    with pytest.raises(UsageError) as refused:
        assemble("nop")
    for way in ("GNU as", "pip install 'ringscope[asm]'", "bytes.fromhex"):
        assert way in str(refused.value)
