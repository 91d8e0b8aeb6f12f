"""References in an answer, held against the stored documents."""

from .cited import DROPPED, Cited, CitedSentence, cited
from .sources import Documents, Stored

__all__ = ["DROPPED", "Cited", "CitedSentence", "Documents", "Stored", "cited"]
