"""System calls as text in strace's form: what each argument is, and how it is written."""
