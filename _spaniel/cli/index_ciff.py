"""`spaniel index export-ciff|import-ciff`: the Common Index File Format (Lin et al., SIGIR 2020)."""

import click

from .console import Console, with_console
from .sizes import counted

__all__ = ["export_ciff", "import_ciff"]


@click.command(name="export-ciff")
@click.argument("index")
@click.argument("file")
@with_console
def export_ciff(console: Console, index: str, file: str) -> None:
    """Write the sparse part as a CIFF file.

    CIFF is the Common Index File Format, which Lucene (Anserini), PISA, Terrier and others read. `.gz` is compressed.
    """
    from spaniel.index.ciff import export_ciff as export
    from spaniel.index.index import open_index

    with open_index(index) as opened:
        n_documents = export(opened, file)
    console.emit({"path": file, "documents": n_documents}, f"{file}: {n_documents:,} documents")


@click.command(name="import-ciff")
@click.argument("file")
@click.argument("index")
@click.option("--impacts", is_flag=True, help="Its counts are impacts of a learned sparse model, not of words.")
@click.option("--overwrite", is_flag=True, help="Replace an index that is there.")
@with_console
def import_ciff(console: Console, file: str, index: str, impacts: bool, overwrite: bool) -> None:
    """Build an index from a CIFF file.

    Such a file holds postings and ids, but no texts: a document is shown as the bag of its terms, and queries have to
    be in the file's own terms. It does not say what its counts are. By default they are how often a word occurs, and
    searches are BM25; with --impacts they are token weights, and queries are vectors, as after `build --vectors`.
    """
    from spaniel.index.ciff import import_ciff as import_

    with import_(file, index, impacts=impacts, overwrite=overwrite) as opened:
        info = opened.info()
    console.emit({"path": index, **info}, f"{index}: {counted(info['passages'], 'passage')}")
