"""A few instructions by name, so that tests read as assembly and need no assembler.

`TABLE` holds the bytes; test_assembler.py has Capstone read them back. Besides: labels, short jumps
to them, CALL, and MOV of a number to a 32-bit register. It knows no other instruction.
"""

from __future__ import annotations

from typing import Final

from emu.x86.registers import GPRS

# Intel syntax as Capstone prints it, the same bytes in 64-bit and in 32-bit mode.
TABLE: Final = {
    "nop": "90",
    "hlt": "f4",
    "cli": "fa",
    "sti": "fb",
    "ret": "c3",
    "cld": "fc",
    "std": "fd",
    "pause": "f390",
    "ud2": "0f0b",
    "int1": "f1",
    "int3": "cc",
    "int 3": "cd03",
    "int 4": "cd04",
    "int 8": "cd08",
    "int 0xe": "cd0e",
    "int 0x20": "cd20",
    "int 0x80": "cd80",
    "int 0x81": "cd81",
    "syscall": "0f05",
    "sysenter": "0f34",
    "vmcall": "0f01c1",
    "cpuid": "0fa2",
    "rdtsc": "0f31",
    "rdtscp": "0f01f9",
    "rdmsr": "0f32",
    "wrmsr": "0f30",
    "clts": "0f06",
    "invd": "0f08",
    "wbinvd": "0f09",
    "rdpmc": "0f33",
    "sysexit": "0f35",
    "in al, dx": "ec",
    "out dx, al": "ee",
    "inc eax": "ffc0",
    "inc ebx": "ffc3",
    "dec ecx": "ffc9",
    "dec edx": "ffca",
    "div ecx": "f7f1",
    "xor eax, eax": "31c0",
    "xor ecx, ecx": "31c9",
    "xor edx, edx": "31d2",
    "mov ds, eax": "8ed8",
    "mov ss, eax": "8ed0",
    "lmsw ax": "0f01f0",
    "lldt ax": "0f00d0",
    "ltr ax": "0f00d8",
    "rep stosb byte ptr [rdi], al": "f3aa",
    "rep movsb byte ptr [rdi], byte ptr [rsi]": "f3a4",
    "repne scasb al, byte ptr [rdi]": "f2ae",
    "stosb byte ptr [rdi], al": "aa",
    "repz ret": "f3c3",
    "repe cmpsb byte ptr [rsi], byte ptr [rdi]": "f3a6",
}
# Only in 64-bit mode.
TABLE_64: Final = {
    "swapgs": "0f01f8",
    "iretq": "48cf",
    "retfq": "48cb",
    "sysretq": "480f07",
    "pushfq": "9c",
    "popfq": "9d",
    "push rax": "50",
    "push rcx": "51",
    "pop rax": "58",
    "add rsp, 8": "4883c408",
    "add qword ptr [rsp], 2": "4883042402",
    "add qword ptr [rsp], 3": "4883042403",
    "mov cr3, rax": "0f22d8",
    "mov rax, cr0": "0f20c0",
    "mov dr7, rax": "0f23f8",
    "mov dr0, rcx": "0f23c1",
    "mov dr1, rbx": "0f23cb",
    "mov dr5, rax": "0f23e8",
    "mov dr6, rax": "0f23f0",
    "mov rbx, dr0": "0f21c3",
    "mov qword ptr [rcx], rbx": "488919",
    "mov rax, dr7": "0f21f8",
    "lgdt [rsp]": "0f011424",
    "lidt [rsp]": "0f011c24",
    "invlpg byte ptr [rsp]": "0f013c24",
    "inc rax": "48ffc0",
    "inc rbx": "48ffc3",
    "mov rax, qword ptr [rbx]": "488b03",
    "mov qword ptr [rbx], rax": "488903",
    "mov byte ptr [rbx], al": "8803",
    "mov rbx, rax": "4889c3",
    "mov rax, rcx": "4889c8",
    "add rbx, rax": "4801c3",
    "lock inc qword ptr [rdi]": "f048ff07",
    "mfence": "0faef0",
    "jmp rbx": "ffe3",
    "call rbx": "ffd3",
    "mov dword ptr [rip], 0x90909090": "c7050000000090909090",
    "mov dword ptr [rip + 2], 0x90909090": "c7050200000090909090",
    "xor word ptr [rbx], 0x506f": "6681336f50",
    "rep stosq qword ptr [rdi], rax": "f348ab",
    "rep stosw word ptr [rdi], ax": "f366ab",
}
# Only in 32-bit mode.
TABLE_32: Final = {
    "into": "ce",
    "inc eax": "40",
    "iretd": "cf",
    "mov eax, dword ptr [ebx]": "8b03",
    "rep stosb byte ptr es:[edi], al": "f3aa",
    "dec eax": "48",
}
# What jumps to a label: opcode, bytes of the displacement.
JUMPS: Final = {
    "jmp": ("eb", 1),
    "jz": ("74", 1),
    "jnz": ("75", 1),
    "jc": ("72", 1),
    "loop": ("e2", 1),
    "call": ("e8", 4),
}
_MOV: Final = {f"mov e{name[1:]}, ": bytes([0xB8 + i]) for i, name in enumerate(GPRS[:8])}


def code(text: str, long: bool = True) -> bytes:
    """The bytes of `text`: instructions and `label:`, separated by `;`."""
    parts = text.replace(": ", ":;").split(";")
    statements = [part.strip() for part in parts if part.strip()]
    labels: dict[str, int] = {}
    for _ in range(2):  # the second pass knows where every label stands
        out = b""
        for statement in statements:
            if statement.endswith(":"):
                labels[statement[:-1]] = len(out)
            else:
                out += _encode(statement, len(out), labels, long)
    return out


def _encode(statement: str, at: int, labels: dict[str, int], long: bool) -> bytes:
    known = TABLE | (TABLE_64 if long else TABLE_32)
    if statement in known:
        return bytes.fromhex(known[statement])
    name, _, target = statement.partition(" ")
    if name in JUMPS:
        opcode, size = JUMPS[name]
        distance = labels.get(target, at) - (at + 1 + size)
        return bytes.fromhex(opcode) + distance.to_bytes(size, "little", signed=True)
    for prefix, opcode_byte in _MOV.items():
        if statement.startswith(prefix):
            return opcode_byte + int(statement[len(prefix) :], 0).to_bytes(4, "little")
    raise KeyError(f"no bytes for {statement!r}")
