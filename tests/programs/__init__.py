"""Programs from Debian's packages: the same output, status and files here as natively."""
