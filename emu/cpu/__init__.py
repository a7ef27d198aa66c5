"""The processor: engine, state, delivery of crossings, counters."""
