"""Folders and files: order, ids, links, hidden files, what cannot be read; reading goes on after any file."""

import gzip
import os
from pathlib import Path

import pytest

from spaniel.index.input import InputOptions, Position, Problem, read_documents, source_files, total_bytes
from spaniel.retrieval.errors import InvalidInput, LimitExceeded
from spaniel.retrieval.types import Document


def read(sources: object, options: InputOptions | None = None) -> list[Document]:
    return [document for batch in read_documents(sources, options) for document in batch.documents]  # type: ignore[arg-type]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    root = tmp_path / "docs"
    for name, text in {
        "b.md": "# Bee\n\nText.",
        "a.txt": "first",
        "a/z.txt": "second",
        "a/b/deep.HTML": "<title>Deep</title><p>Third &amp; last</p>",
        "records.jsonl": '{"id": "r1", "text": "one"}\n{"id": "r2", "text": "two"}\n',
        "table.csv": "id,text\nt1,cell\n",
        ".hidden.txt": "no",
        ".git/config.txt": "no",
        "picture.png": "no",
        "e.txt": "",
    }.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    (root / "z.txt.gz").write_bytes(gzip.compress(b"packed"))
    return root


def test_a_folder_is_read_in_order_with_paths_as_ids(folder: Path) -> None:
    assert read(folder) == [
        Document("a/b/deep.HTML", "Third & last", "Deep"),
        Document("a/z.txt", "second"),
        Document("a.txt", "first"),
        Document("b.md", "# Bee\n\nText.", "Bee"),
        Document("e.txt", ""),
        Document("r1", "one"),
        Document("r2", "two"),
        Document("t1", "cell"),
        Document("z.txt.gz", "packed"),
    ]
    assert total_bytes(folder) == sum(file.path.stat().st_size for file in source_files(folder))


@pytest.mark.parametrize("n", [1, 2, 3, 100])
def test_reading_goes_on_after_any_batch_of_several_sources(folder: Path, n: int) -> None:
    sources = [folder / "b.md", folder, str(folder / "table.csv"), folder / "a.txt"]
    options = InputOptions(batch_records=n)
    batches = list(read_documents(sources, options))
    everything = [document for batch in batches for document in batch.documents]
    assert len(everything) == 12
    assert batches[-1].bytes_read == total_bytes(sources)
    assert sorted(b.bytes_read for b in batches) == [b.bytes_read for b in batches]
    for number, batch in enumerate(batches):
        again = list(read_documents(sources, options, start=batch.position))
        assert again == batches[number + 1 :]


def test_a_file_that_vanished_or_changed_stops_a_resume(folder: Path) -> None:
    options = InputOptions(batch_records=1)
    second: Position = list(read_documents(folder, options))[1].position
    assert second.file == "a/z.txt"
    (folder / "a/z.txt").write_text("changed")
    with pytest.raises(InvalidInput, match=r"a/z\.txt was changed since"):
        read_all = list(read_documents(folder, options, start=second))
        assert not read_all
    (folder / "a/z.txt").unlink()
    with pytest.raises(InvalidInput, match=r"a/z\.txt is not among the sources"):
        list(read_documents(folder, options, start=second))


def test_links_do_not_leave_the_folder(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "secret.txt").write_text("secret")
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside/more.txt").write_text("secret")
    (folder / "out.txt").symlink_to(tmp_path / "secret.txt")
    (folder / "up").symlink_to(tmp_path / "outside", target_is_directory=True)
    (folder / "loop").symlink_to(folder, target_is_directory=True)
    (folder / "circle.txt").symlink_to(folder / "circle.txt")
    (folder / "dangling.txt").symlink_to(folder / "nothing.txt")
    (folder / "x.txt").symlink_to(folder / ".hidden.txt")
    os.mkfifo(folder / "pipe.txt")
    names = [file.name for file in source_files(folder)]
    assert "x.txt" in names
    assert len(names) == len(list(source_files(folder))) == 9
    assert all("secret" not in document.text for document in read(folder))
    # What the user names is read, even through a link.
    (tmp_path / "link").symlink_to(folder, target_is_directory=True)
    assert [document.id for document in read(tmp_path / "link")] == [document.id for document in read(folder)]


def test_a_beir_folder_is_its_corpus(tmp_path: Path) -> None:
    (tmp_path / "qrels").mkdir()
    (tmp_path / "qrels/test.tsv").write_text("query-id\tcorpus-id\tscore\n")
    (tmp_path / "queries.jsonl").write_text('{"_id": "q", "text": "a question"}\n')
    record = '{"_id": "d", "title": "T", "text": "x", "metadata": {"year": 1999}, "lang": "en"}\n'
    (tmp_path / "corpus.jsonl").write_text(record)
    assert read(tmp_path) == [Document("d", "x", "T", {"year": 1999, "lang": "en"})]
    (tmp_path / "corpus.jsonl").rename(tmp_path / "corpus")
    (tmp_path / "corpus.jsonl.gz").write_bytes(gzip.compress(record.encode()))
    assert read(tmp_path) == [Document("d", "x", "T", {"year": 1999, "lang": "en"})]


def test_sources_that_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "x.bin").write_text("x")
    for source, message in {
        tmp_path / "nowhere": "no such file or folder",
        tmp_path / "empty": "no file in this folder",
        tmp_path / "x.bin": r"'\.bin' cannot be read",
    }.items():
        with pytest.raises(InvalidInput, match=message):
            total_bytes(source)
        with pytest.raises(InvalidInput, match=message):
            read(source)
    os.mkfifo(tmp_path / "pipe.txt")
    with pytest.raises(InvalidInput, match="not a regular file"):
        read(tmp_path / "pipe.txt")
    with pytest.raises(InvalidInput, match="none given"):
        read([])


def test_names_that_are_not_utf8_cannot_be_ids(tmp_path: Path) -> None:
    name = os.fsencode(tmp_path) + b"/caf\xe9.txt"
    with open(name, "wb"):  # noqa: PTH123  # pathlib cannot spell it
        pass
    with pytest.raises(InvalidInput, match="is not UTF-8"):
        read(tmp_path)


def test_whole_files_are_checked_like_records(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes("é\n".encode() + b"x\xff")
    (tmp_path / "b.txt").write_bytes(b"a\0b")
    (tmp_path / "c.md").write_bytes(b"x" * 101)
    (tmp_path / "d.txt.gz").write_bytes(gzip.compress(b"x" * 10_000_000))
    (tmp_path / "e.txt").write_bytes(b"\xef\xbb\xbfgood")
    problems: list[Problem] = []
    options = InputOptions(on_error="skip", on_problem=problems.append, max_record_bytes=100)
    assert read(tmp_path, options) == [Document("e.txt", "good")]
    assert [(Path(p.file).name, p.line, p.byte) for p in problems] == [
        ("a.txt", 2, 4),
        ("b.txt", 1, 0),
        ("c.md", 1, 0),
        ("d.txt.gz", 1, 0),
    ]
    with pytest.raises(InvalidInput, match=r"a\.txt:2: invalid UTF-8"):
        read(tmp_path)
    with pytest.raises(LimitExceeded, match=r"c\.md:1"):
        read(tmp_path / "c.md", InputOptions(max_record_bytes=100))
    replaced = read(tmp_path / "a.txt", InputOptions(encoding_errors="replace"))
    assert replaced[0].text == "é\nx�"


@pytest.mark.parametrize(
    ("markdown", "title"),
    [
        ("", ""),
        ("No heading\nat all\n", ""),
        ("# One\n# Two", "One"),
        ("text\n\n### Three ###\n", "Three"),
        ("#hashtag\n\n## Real", "Real"),
        ("Under\nlined\n===\n", "lined"),
        ("Under\n---\n", "Under"),
        ("- item\n---\n# After", "After"),
        ("```\n# comment\n```\n# Code", "Code"),
        ("~~~ sh\n# comment\n```\n# comment\n~~~\n# Tilde", "Tilde"),
        ("---\ntitle: 'From the front'\ntags: [a]\n---\n# Heading", "From the front"),
        ('+++\nTitle = "TOML"\n+++\n', "TOML"),
        ("---\nlayout: x\n---\n# Heading", "Heading"),
        ("---\n# Rule, not front matter", "Rule, not front matter"),
        ("# A [link](http://x) and `code_name` and **bold** ![i](u)", "A link and code_name and bold i"),
        ("# snake_case_name stays", "snake_case_name stays"),
        ("# \n## Second", "Second"),
        ("# Windows\r\nText\r\n", "Windows"),
    ],
)
def test_the_title_of_markdown(markdown: str, title: str, tmp_path: Path) -> None:
    path = tmp_path / "m.md"
    path.write_bytes(markdown.encode())
    assert read(path) == [Document("m.md", markdown, title)]


def test_a_page_in_its_declared_encoding(tmp_path: Path) -> None:
    path = tmp_path / "p.html"
    path.write_bytes('<meta charset="ISO-8859-1"><p>caf\xe9 \x93x\x94'.encode("latin-1"))
    assert read(path)[0].text == "café “x”"
    path.write_bytes(b'<meta charset="zlib"><p>caf\xe9')
    with pytest.raises(InvalidInput, match="invalid UTF-8"):
        read(path)
