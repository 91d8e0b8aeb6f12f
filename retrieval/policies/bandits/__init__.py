"""Bandits: policies that choose a route for each query and learn from what came of it.

`table.py` makes them by name; a policy is one file. Nothing is imported here.
"""
