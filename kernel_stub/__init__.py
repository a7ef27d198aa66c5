"""The stub kernel: small, in Python, behind entry code of its own."""
