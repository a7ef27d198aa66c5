"""A stub for gdb: the machine as gdb's remote serial protocol shows it, on a socket.

`emu.gdb.server.Server` listens, `emu.gdb.session.Session` answers packets, and `emu.gdb.target`
says what it needs of whatever is debugged. Nothing here knows a kernel.
"""
