"""Collections: documents, queries and judgements, from BEIR folders, zips, TREC files or by name."""

from .load import collection
from .values import Collection, CollectionInfo, Published

__all__ = ["Collection", "CollectionInfo", "Published", "collection"]
