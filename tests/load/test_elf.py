"""What read_elf makes of files: programs of both classes, and every reason to refuse one."""

from __future__ import annotations

import io
import random
from collections.abc import Iterator
from pathlib import Path

import pytest
from elftools.elf.elffile import ELFFile

from emu.errors import LoadError
from emu.load.elf import PROGRAM_HEADERS_LIMIT, Image, read_elf, read_elf_bytes, symbols
from tests.load.elves import CODE_BASE, PT_GNU_STACK, PT_INTERP, PT_LOAD, Header, elf

ROOT = Path(__file__).resolve().parents[2]
PREBUILT = sorted(
    path for folder in ("examples/bin", "tests/fixtures/bin") for path in (ROOT / folder).iterdir()
)
EXABYTE = 1 << 60


def interp(path: bytes, offset: int = 0x200) -> Header:
    return Header(PT_INTERP, 4, offset, CODE_BASE + offset, len(path))


def with_interpreter(path: bytes) -> bytes:
    content = bytearray(elf(Header(filesz=0x800), interp(path)))
    content[0x200 : 0x200 + len(path)] = path
    return bytes(content)


@pytest.mark.parametrize("bits", [32, 64])
def test_a_program_is_described(bits: int) -> None:
    data = Header(flags=6, vaddr=0x402000, offset=0, filesz=0x80, memsz=0x3000)
    image = read_elf_bytes(elf(Header(), data, Header(PT_GNU_STACK, 7), bits=bits), "it")
    assert (image.bits, image.entry, image.interpreter) == (bits, CODE_BASE + 0x80, None)
    assert [segment.vaddr for segment in image.segments] == [CODE_BASE, 0x402000]
    assert [segment.memsz for segment in image.segments] == [0x100, 0x3000]
    assert image.stack_flags == 7
    assert image.program_headers.vaddr == CODE_BASE + (64 if bits == 64 else 52)
    assert image.program_headers.number == 3
    assert not image.is_position_independent


def test_the_interpreter_is_read_up_to_its_first_nul() -> None:
    assert read_elf_bytes(with_interpreter(b"/lib/ld.so\0"), "it").interpreter == b"/lib/ld.so"
    assert read_elf_bytes(with_interpreter(b"/a\0b\0"), "it").interpreter == b"/a"


def test_a_program_without_a_stack_header_leaves_the_stack_to_the_kernel() -> None:
    assert read_elf_bytes(elf(), "it").stack_flags is None


def test_program_headers_in_no_segment_have_no_address() -> None:
    content = elf(Header(offset=0x1000, vaddr=CODE_BASE, filesz=0x10))
    assert read_elf_bytes(content, "it").program_headers.vaddr == 0


@pytest.mark.parametrize("path", PREBUILT, ids=lambda path: path.name)
def test_elftools_reads_the_same_in_every_prebuilt_program(path: Path) -> None:
    content = path.read_bytes()
    image = read_elf_bytes(content, path.name)
    other = ELFFile(io.BytesIO(content))
    loads = [dict(s.header) for s in other.iter_segments() if s["p_type"] == "PT_LOAD"]
    assert (image.bits, image.entry) == (other.elfclass, other["e_entry"])
    assert [(s.vaddr, s.offset, s.filesz, s.memsz, s.flags, s.align) for s in image.segments] == [
        tuple(s[f"p_{name}"] for name in ("vaddr", "offset", "filesz", "memsz", "flags", "align"))
        for s in loads
    ]


# (a file, what its refusal says)
BAD: dict[str, tuple[bytes, str]] = {
    "empty": (b"", "is empty"),
    "text": (b"hello, world, this is text", "not an ELF file"),
    "one byte": (b"\x7f", "truncated: its ELF identification ends at byte 16"),
    "cut in the identification": (elf()[:10], "truncated: its ELF identification"),
    "cut in the header": (elf()[:40], "truncated: its ELF header ends at byte 64"),
    "cut in the header of 32 bits": (elf(bits=32)[:51], "its ELF header ends at byte 52"),
    "cut in the program headers": (elf()[:100], "truncated: its table of program headers"),
    "cut in a segment": (elf(Header(filesz=0x2000)), "truncated: segment 0"),
    "program headers far away": (elf(phoff=1 << 40), "truncated: its table"),
    "ARM": (elf(bits=32, machine=40), "32-bit program for ARM"),
    "AArch64": (elf(machine=183), "64-bit program for AArch64"),
    "RISC-V": (elf(machine=243), "RISC-V"),
    "s390": (elf(machine=22, order=2, bits=64), "big-endian program for IBM S/390"),
    "SPARC": (elf(machine=43, order=2), "big-endian program for SPARCV9"),
    "no machine that anybody knows": (elf(machine=0xFFFE), "unknown machine number 65534"),
    "x32": (elf(bits=32, machine=62), "x86_64 in 32-bit form"),
    "i386 of 64 bits": (elf(machine=3), "64-bit program for Intel 80386"),
    "unknown class": (b"\x7fELF\x05\x01\x01" + bytes(60), "damaged ELF identification: class 5"),
    "unknown byte order": (b"\x7fELF\x02\x07\x01" + bytes(60), "byte order 7"),
    "unknown version": (b"\x7fELF\x02\x01\x09" + bytes(60), "version 9"),
    "object file": (elf(type=1), "is an object file, not a program: link it first"),
    "core dump": (elf(type=4), "is a core dump"),
    "type unheard of": (elf(type=0xFE00), "unknown ELF type 65024"),
    "no program headers": (elf(phnum=0), "no program headers"),
    "65535 program headers": (elf(phnum=65535), "has 65535 program headers: at most 73"),
    "program headers of odd size": (elf(phentsize=57), "program headers of 57 bytes"),
    "nothing to load": (elf(Header(PT_GNU_STACK)), "no segment to load"),
    "only empty segments": (elf(Header(filesz=0)), "no segment to load"),
    "exabytes": (elf(Header(memsz=EXABYTE)), "reaches the kernel's half"),
    "kernel half": (elf(Header(vaddr=0xFFFF_FFFF_8000_0000)), "reaches the kernel's half"),
    "into the kernel half": (elf(Header(vaddr=(1 << 47) - 0x1000, memsz=0x1001)), "kernel's half"),
    "wraps": (elf(Header(vaddr=(1 << 64) - 0x1000, memsz=0x2000)), "wraps round"),
    "wraps at 4 GiB": (elf(Header(vaddr=0xFFFF_F000, memsz=0x2000), bits=32), "wraps round"),
    "longer in the file": (elf(Header(filesz=0x100, memsz=0xFF)), "but only 0xff in memory"),
    "alignment of three": (elf(Header(align=3)), "alignment 0x3, no power of two"),
    "not congruent": (elf(Header(offset=0x10)), "does not lie in a page as its address does"),
    "overlap": (elf(Header(), Header(vaddr=CODE_BASE + 0x80, offset=0x80)), "overlapping segments"),
    "overlap, high first": (
        elf(Header(vaddr=CODE_BASE + 0x80, offset=0x80), Header()),
        "overlapping segments: 0x100 bytes at 0x400000",
    ),
    "interpreter of one byte": (with_interpreter(b"\0"), "names its interpreter in 1 bytes"),
    "interpreter without an end": (with_interpreter(b"/lib/ld.so"), "without a terminating NUL"),
    "interpreter behind the end": (
        elf(Header(), interp(b"/lib/ld.so\0", 0x4000)),
        "truncated: its interpreter's path",
    ),
    "interpreter too long": (
        elf(Header(), Header(PT_INTERP, filesz=5000)),
        "names its interpreter in 5000 bytes",
    ),
}


@pytest.mark.parametrize(("content", "said"), BAD.values(), ids=BAD.keys())
def test_a_bad_file_is_refused_in_one_sentence(content: bytes, said: str) -> None:
    with pytest.raises(LoadError) as refused:
        read_elf_bytes(content, "dir/prog")
    sentence = str(refused.value)
    assert said in sentence
    assert "dir/prog" in sentence
    assert "\n" not in sentence
    assert refused.value.errno == 8  # ENOEXEC


def test_segments_may_share_a_page_but_no_byte() -> None:
    second = Header(vaddr=CODE_BASE + 0x100, offset=0x100)
    assert len(read_elf_bytes(elf(Header(), second), "it").segments) == 2


@pytest.mark.parametrize("length", range(0, 0x200, 7))
def test_a_program_cut_anywhere_is_truncated(length: int) -> None:
    content = elf(Header(filesz=0x200), tail=bytes(0x200))
    with pytest.raises(LoadError, match=r"truncated|is empty"):
        read_elf_bytes(content[:length], "it")


class Watched:
    """A file that remembers the most that was ever asked of it."""

    def __init__(self, content: bytes) -> None:
        self.content = content
        self.most = 0

    def read_at(self, offset: int, size: int) -> bytes:
        self.most = max(self.most, size)
        return self.content[offset : offset + size]


def mutated(content: bytes, seed: int) -> bytes:
    """`content` with some bytes of its headers changed, or cut."""
    chance = random.Random(seed)
    changed = bytearray(content)
    for _ in range(chance.randint(1, 6)):
        start = chance.randrange(0x120)
        size = chance.choice((1, 1, 2, 4, 8))
        number = chance.choice((0, 1, 0xFF, 1 << 31, (1 << 64) - 1, chance.getrandbits(64)))
        changed[start : start + size] = (number & (1 << 8 * size) - 1).to_bytes(size, "little")
    return bytes(changed[: chance.choice((len(changed),) * 4 + (chance.randrange(0x200),))])


def valid() -> Iterator[bytes]:
    data = Header(flags=6, vaddr=0x402000, filesz=0x80, memsz=0x3000)
    stack = Header(PT_GNU_STACK, 6)
    yield elf(Header(), data, interp(b"/lib/ld.so1\0"), stack, tail=b"/ld\0" * 0x400)
    yield elf(Header(), data, stack, bits=32)


@pytest.mark.parametrize("content", [*valid()], ids=["64 bits", "32 bits"])
def test_whatever_the_headers_say_an_image_or_a_refusal_comes_out(content: bytes) -> None:
    images = refusals = 0
    for seed in range(4000):
        file = Watched(mutated(content, seed))
        try:
            image = read_elf(file.read_at, len(file.content), "it")
        except LoadError:
            refusals += 1
        else:
            images += 1
            assert_is_sound(image, len(file.content))
        assert file.most <= PROGRAM_HEADERS_LIMIT
    assert images > 200
    assert refusals > 1000


def assert_is_sound(image: Image, size: int) -> None:
    for segment in image.segments:
        assert segment.type == PT_LOAD
        assert segment.filesz <= segment.memsz
        assert segment.offset + segment.filesz <= size
        assert segment.vaddr + segment.memsz <= 1 << (47 if image.bits == 64 else 32)


def test_symbols_have_names_addresses_and_sizes() -> None:
    stripped_of_nothing = ROOT / "tests/fixtures/bin"
    found = {
        symbol.name: symbol
        for path in sorted(stripped_of_nothing.iterdir())
        for symbol in symbols(io.BytesIO(path.read_bytes()))
    }
    assert found["_start"].address > 0
    assert any(symbol.size for symbol in found.values())


def test_symbols_of_what_is_no_elf_are_refused() -> None:
    with pytest.raises(LoadError, match="the symbols cannot be read"):
        list(symbols(io.BytesIO(b"nothing")))
