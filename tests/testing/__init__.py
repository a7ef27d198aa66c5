"""Tests of emu/testing: the records, the machine by declaration, the checks, the plugin."""
