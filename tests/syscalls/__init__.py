"""The system calls about files, called as a program calls them: registers, and memory."""
