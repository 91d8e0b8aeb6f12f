"""One adapter for each engine, all of one shape (`base.Engine`); each runs in a process of its own (`worker.py`)."""
