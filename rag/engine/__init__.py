"""From a question to a cited answer: `engine.py` is what users call, `flow.py` the way a question goes."""
