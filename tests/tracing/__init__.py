"""Tests of ptrace(2): tracees, their stops, what a tracer reads and changes."""
