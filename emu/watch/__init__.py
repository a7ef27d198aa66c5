"""Watchers: the ledger, the report, disassembly."""
