"""Reading programs: ELF files and scripts."""
