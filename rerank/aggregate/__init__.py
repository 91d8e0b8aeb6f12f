"""From preferences between passages to one order: one aggregator a file, `table.py` finds them by name."""
