"""The debugger's front for people: a table of commands, a prompt, and drawings in 80 columns."""
