"""Tests of the debugging core, on real programs and real kernel entries."""
