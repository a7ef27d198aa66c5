"""What the machine is compared with: the processor and the kernel of this host."""
