"""The virtual file system: over temporary trees, against what the host does with the same."""
