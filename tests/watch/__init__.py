"""What the ledger adds up, and how the report shows it."""
