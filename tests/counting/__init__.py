"""Counts of user instructions: hand-written programs, and what a real processor counted."""
