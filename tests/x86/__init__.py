"""Facts of the architecture against the manuals and against golden tables."""
