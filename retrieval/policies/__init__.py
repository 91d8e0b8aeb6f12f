"""How many passages of a ranking are worth reading: cut-off policies over calibrated scores.

Nothing is imported here; a policy is one file.
"""
