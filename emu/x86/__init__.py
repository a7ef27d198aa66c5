"""The facts of the architecture, as data."""
