"""The demonstration's text: docstrings of sources that are read, never run."""

from pathlib import Path

from spaniel.cli.demo_docs import Entry, help_topics, library_docs

SOURCE = '''
"""A module about parsing, with enough words to be worth a search."""
raise SystemExit("reading must not run this")
class Parser:
    """Reads tokens and builds a tree out of them, one node at a time."""
    def feed(self):
        """Take in one more token, which may complete a node of the tree."""
    def _private(self):
        """Nobody looks for this, however long its documentation may be."""
    def short(self):
        """Too short."""
if True:
    def feed():
        """The first definition of a name is the one whose words are kept."""
else:
    def feed():
        """The second definition of a name is the one whose words are not."""
'''


def test_docstrings_become_documents(tmp_path: Path) -> None:
    (tmp_path / "pack").mkdir()
    (tmp_path / "pack" / "__init__.py").write_text(SOURCE)
    (tmp_path / "_hidden.py").write_text(SOURCE)
    (tmp_path / "broken.py").write_text("def (:")
    (tmp_path / "test").mkdir()
    (tmp_path / "test" / "parsing.py").write_text(SOURCE)
    found = {entry.name: entry for entry in library_docs(tmp_path)}
    assert set(found) == {"pack", "pack.Parser", "pack.Parser.feed", "pack.feed"}
    assert found["pack.Parser"].kind == "class"
    assert "first definition" in found["pack.feed"].text
    assert found["pack.feed"].record()["id"] == "function:pack.feed"


def test_this_python_has_enough_of_it() -> None:
    entries = [*help_topics(), *library_docs()]
    assert len(entries) > 1000
    assert len({entry.record()["id"] for entry in entries}) == len(entries)
    names = {entry.name for entry in entries}
    assert {"json.dumps", "argparse.ArgumentParser", "csv"} <= names
    assert all(isinstance(entry, Entry) and entry.text for entry in entries)
