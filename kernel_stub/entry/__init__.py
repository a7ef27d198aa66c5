"""The entry code: assembly in ring 0, its built image, and what both sides know."""
