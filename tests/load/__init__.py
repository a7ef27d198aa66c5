"""The loader: ELF files, scripts, and where segments come to lie."""
