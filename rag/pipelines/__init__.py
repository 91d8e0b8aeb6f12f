"""Pipelines by name or from a TOML file, for `--pipeline` (`spec.py`), and the indexes they need (`indexes.py`)."""
