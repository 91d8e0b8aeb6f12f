"""Text analysis: text to index terms, the same on every machine and in every process.

`Analyzer` is the native path; `reference` its slow twin in Python, which defines the right answer.
"""

from .analyzer import Analyzer
from .spec import ANALYZER_VERSION, ENGLISH_STOP_WORDS, AnalyzerSpec, analyzer_names

__all__ = ["ANALYZER_VERSION", "ENGLISH_STOP_WORDS", "Analyzer", "AnalyzerSpec", "analyzer_names"]
