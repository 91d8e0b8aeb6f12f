"""Reading documents: files and folders in, batches of `Document` out, resumable at every batch."""

from .batch import Batch, Position
from .ids import content_id
from .options import ColumnType, InputOptions, Problem
from .read import read_documents
from .sources import FORMATS, Source, SourceFile, source_files, total_bytes

__all__ = [
    "FORMATS",
    "Batch",
    "ColumnType",
    "InputOptions",
    "Position",
    "Problem",
    "Source",
    "SourceFile",
    "content_id",
    "read_documents",
    "source_files",
    "total_bytes",
]
