"""The processor: the engine below it, its state, its crossings, its counters."""
