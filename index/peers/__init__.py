"""Other search engines behind our own roles: to compare with, and for users who own their indexes.

Each needs an extra, which is asked for only when it is used.
"""

from .lucene import LuceneRetriever, build_lucene

__all__ = ["LuceneRetriever", "build_lucene"]
