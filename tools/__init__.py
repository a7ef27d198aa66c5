"""Small scripts for maintainers: each is one file, run with `python -m tools.NAME`."""
