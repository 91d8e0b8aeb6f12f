"""Answers made of the sources' own sentences: no language model, nothing that is not written there.

Nothing is imported here; `generator.py` has the generator, the other files are its steps in the order of their use:
`layout.py`, `sentences.py`, `frequencies.py`, `questions.py`, `features.py`, `settings.py`, `choice.py`.
"""
