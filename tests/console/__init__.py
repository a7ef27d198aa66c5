"""Tests of the debugger's front for people."""
