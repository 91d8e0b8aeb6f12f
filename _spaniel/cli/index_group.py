"""`spaniel index ...`."""

import click

from .lazy import LazyGroup

__all__ = ["COMMANDS", "index"]

COMMANDS = {
    "build": ("index_build:build", "Build an index from files or folders."),
    "add": ("index_build:add", "Add documents to an index."),
    "delete": ("index_care:delete", "Delete documents by id."),
    "add-dense": ("index_dense:add_dense", "Encode the passages of an index."),
    "drop-dense": ("index_dense:drop_dense", "Remove the vectors of one model from an index."),
    "query-model": ("index_query_model:query_model", "Have an index asked by another model."),
    "optimize": ("index_care:optimize", "Merge segments and drop what was deleted."),
    "info": ("index_care:info", "Say what is in an index."),
    "verify": ("index_care:verify", "Read every byte and check it."),
    "neighbours": ("index_near:neighbours", "Find the passages nearest to one."),
    "duplicates": ("index_near:duplicates", "List passages that say nearly the same."),
    "export-ciff": ("index_ciff:export_ciff", "Write the sparse part as a CIFF file."),
    "import-ciff": ("index_ciff:import_ciff", "Build an index from a CIFF file."),
}


@click.group(cls=LazyGroup, commands_at=COMMANDS)
def index() -> None:
    """Build an index and look after it."""
