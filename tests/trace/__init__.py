"""Tests of how system calls are written: words, arguments, lines."""
