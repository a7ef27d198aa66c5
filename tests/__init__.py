"""The tests of ringscope: tables of claims and stories, one file for each module.

A module and its test share a name, so `emu/x86/gates.py` is tested by `tests/x86/test_gates.py`.
"""
