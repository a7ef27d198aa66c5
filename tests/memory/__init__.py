"""Frames, page tables and the processor's own walk."""
