"""The machine beside the processor of a host: the same snippets, the same ends."""
