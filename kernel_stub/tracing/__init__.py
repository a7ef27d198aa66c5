"""Tasks that trace others, by ptrace(2): stops, what a tracer reads and changes, their ends.

Nothing here is imported before a program first traces another.
"""
