"""The programs that are measured: sources, and beside them what was built of them."""
