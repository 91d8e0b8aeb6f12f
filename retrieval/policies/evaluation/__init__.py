"""Judging routing policies offline: what would another policy have earned on the queries of a log?

`rounds.py` says what is judged on, `estimators.py` and `replay.py` how. Nothing is imported here.
"""
