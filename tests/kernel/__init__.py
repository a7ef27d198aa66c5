"""The kernel's memory management, its start of programs, and its system calls, with fakes."""
