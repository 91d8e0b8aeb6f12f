"""The words of the field and everything computed on rankings alone: numpy and the standard library only.

Nothing is imported here, so that `spaniel.retrieval.errors` costs no numpy.
"""
