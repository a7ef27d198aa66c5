"""Signals on their way into a program and back: frames on its stack, and sigreturn."""
