"""The kernel's entry code: the built image, its symbols, and what Python and assembly share."""
