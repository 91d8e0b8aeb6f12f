"""Block designs: which passages are ordered together. One design a file, `table.py` finds them by name."""
