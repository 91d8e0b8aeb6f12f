"""Word documents, PDF and program code: what is read of them, and what damaged and crafted ones do."""

import sys
import zipfile
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import spaniel as sp
from spaniel.index.input import InputOptions, Problem, read_documents
from spaniel.index.input.docx import docx_text
from spaniel.retrieval.errors import InvalidInput, LimitExceeded, MissingExtra
from spaniel.retrieval.types import Document

docx = pytest.importorskip("docx")
pypdf = pytest.importorskip("pypdf")


def read(path: Path, **options: Any) -> Document:
    """The one document of a file."""
    [batch] = read_documents(path, InputOptions(**options))
    [document] = batch.documents
    return document


def word_bytes() -> bytes:
    """A Word document with everything that is read of one."""
    document = docx.Document()
    document.add_heading("Keys", 0)
    document.add_paragraph("How keys are kept.")
    document.add_heading("Rotation", 2)
    document.add_paragraph("First", style="List Bullet")
    table = document.add_table(2, 2)
    for cell, text in zip(table._cells, "abcd", strict=True):
        cell.text = text
    table.cell(1, 0).merge(table.cell(1, 1))
    document.add_paragraph("The end.")
    kept = BytesIO()
    document.save(kept)
    return kept.getvalue()


def pdf_bytes(*pages: str, title: str = "") -> bytes:
    """A PDF of these lines, one a page."""
    writer = pypdf.PdfWriter()
    name, generic = pypdf.generic.NameObject, pypdf.generic
    font = generic.DictionaryObject({name("/Type"): name("/Font"), name("/Subtype"): name("/Type1")})
    font[name("/BaseFont")] = name("/Helvetica")
    for text in pages:
        page = writer.add_blank_page(300, 300)
        stream = generic.DecodedStreamObject()
        stream.set_data(f"BT /F1 12 Tf 20 200 Td ({text}) Tj ET".encode())
        page[name("/Contents")] = writer._add_object(stream)
        fonts = generic.DictionaryObject({name("/F1"): font})
        page[name("/Resources")] = generic.DictionaryObject({name("/Font"): fonts})
    if title:
        writer.add_metadata({"/Title": title})
    kept = BytesIO()
    writer.write(kept)
    return kept.getvalue()


def test_a_word_document_keeps_its_structure(tmp_path: Path) -> None:
    (tmp_path / "a.docx").write_bytes(word_bytes())
    document = read(tmp_path / "a.docx")
    assert document.text == "# Keys\n\nHow keys are kept.\n\n## Rotation\n\n- First\n\n| a | b |\n| c d |\n\nThe end."
    assert (document.id, document.title) == ("a.docx", "Keys")


def test_a_pdf_is_the_text_of_its_pages(tmp_path: Path) -> None:
    (tmp_path / "a.pdf").write_bytes(pdf_bytes("Keys are rotated.", "Nobody is told.", title="Of keys"))
    document = read(tmp_path / "a.pdf")
    assert (document.title, document.text) == ("Of keys", "Keys are rotated.\n\nNobody is told.")


def test_code_is_kept_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "keys.py").write_text("def rotate():\n    pass\n")
    [batch] = read_documents(tmp_path)
    assert batch.documents == [Document("src/keys.py", "def rotate():\n    pass\n", "src/keys.py")]
    assert batch.kinds == ("code",)


def pdf_of_forms(depth: int) -> bytes:
    """One page that shows a form ten times, which shows another ten times, and so on: a small file, and much work."""
    writer, name, inner = pypdf.PdfWriter(), pypdf.generic.NameObject, None
    page = writer.add_blank_page(300, 300)
    for level in range(depth + 1):
        stream = pypdf.generic.DecodedStreamObject()
        stream.set_data(b"/F Do " * 10 if inner is not None else b"q Q " * 500)
        resources = pypdf.generic.DictionaryObject({name("/Font"): pypdf.generic.DictionaryObject()})
        if inner is not None:
            resources[name("/XObject")] = pypdf.generic.DictionaryObject({name("/F"): inner})
        (page if level == depth else stream)[name("/Resources")] = resources
        stream[name("/Subtype")] = name("/Form")
        inner = writer._add_object(stream)
    page[name("/Contents")] = inner
    kept = BytesIO()
    writer.write(kept)
    return kept.getvalue()


def refused(path: Path, **options: Any) -> str:
    """Why a file is malformed."""
    with pytest.raises(InvalidInput) as caught:
        read(path, **options)
    assert str(path) in str(caught.value)
    problems: list[Problem] = []
    [batch] = read_documents(path, InputOptions(on_error="skip", on_problem=problems.append, **options))
    assert batch.documents == [] and batch.skipped == 1 == len(problems)
    return problems[0].reason


def test_what_cannot_be_read_is_named(tmp_path: Path) -> None:
    pdf, word = tmp_path / "a.pdf", tmp_path / "a.docx"
    locked = pypdf.PdfWriter(clone_from=BytesIO(pdf_bytes("Secret.")))
    locked.encrypt("key", algorithm="RC4-128")
    locked.write(pdf)
    assert "password" in refused(pdf)
    pdf.write_bytes(pdf_bytes(""))
    assert "OCR" in refused(pdf)
    pdf.write_bytes(b"no pdf at all")
    assert "damaged" in refused(pdf)
    word.write_bytes(b"no zip at all")
    assert "damaged, or locked" in refused(word)
    with zipfile.ZipFile(word, "w") as archive:
        archive.writestr("x", "y")
    assert "damaged" in refused(word)


def test_limits(tmp_path: Path) -> None:
    pdf, word = tmp_path / "a.pdf", tmp_path / "a.docx"
    pdf.write_bytes(pdf_bytes(*["Some words."] * 4))
    assert "4 pages, the limit (max_pages) is 3" in refused(pdf, max_pages=3)
    assert "max_record_bytes" in refused(pdf, max_record_bytes=20)
    with pytest.raises(LimitExceeded) as caught:
        read(pdf, max_file_bytes=100)
    assert "max_file_bytes" in caught.value.hint
    with zipfile.ZipFile(word, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("word/document.xml", b" " * (1 << 22))
    assert word.stat().st_size < 10_000
    assert "unpacks to 4,194,304 bytes" in refused(word, max_file_bytes=1 << 20)
    with zipfile.ZipFile(word, "w") as archive:
        for n in range(10_001):
            archive.writestr(str(n), "")
    assert "10001 members" in refused(word)
    word.write_bytes(word_bytes())
    assert "max_record_bytes" in refused(word, max_record_bytes=20)


MANY_OBJECTS = b"".join(b"%d 0 obj\n<< /A 1 >>\nendobj\n" % n for n in range(1, 30_000))


@pytest.mark.parametrize(
    ("data", "seconds"),
    [
        (pdf_of_forms(5), 0.2),  # stopped at an operator
        (b"%PDF-1.4\n" + MANY_OBJECTS + b"trailer << /Root 1 0 R >>\nstartxref\n0\n%%EOF", 0.2),  # at a read
        (pdf_bytes(*["Some words."] * 400), 0.02),  # between pages, or before
    ],
    ids=["forms", "objects", "pages"],
)
def test_a_pdf_that_takes_long_is_malformed(tmp_path: Path, data: bytes, seconds: float) -> None:
    (tmp_path / "a.pdf").write_bytes(data)
    assert f"takes more than {seconds} s" in refused(tmp_path / "a.pdf", max_pdf_s=seconds)
    with pytest.raises(InvalidInput, match="max_pdf_s"):
        InputOptions(max_pdf_s=0)


@settings(max_examples=40)
@given(st.data())
def test_damaged_files_are_read_or_named(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    ending, whole = data.draw(st.sampled_from([(".pdf", pdf_bytes("Keys.", "Locks.")), (".docx", word_bytes())]))
    place = data.draw(st.integers(0, len(whole) - 1))
    damage = data.draw(st.binary(max_size=8))
    path = tmp_path_factory.mktemp("damaged") / f"a{ending}"
    path.write_bytes(whole[:place] + damage + (whole[place + len(damage) :] if data.draw(st.booleans()) else b""))
    [batch] = read_documents(path, InputOptions(on_error="skip", on_problem=lambda problem: None))
    assert len(batch.documents) + batch.skipped == 1


def test_without_the_packages_a_build_says_so_before_it_reads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "z.pdf").write_bytes(pdf_bytes("Keys."))
    monkeypatch.setitem(sys.modules, "pypdf", None)
    with pytest.raises(MissingExtra) as caught:
        sp.build(tmp_path / "docs", tmp_path / "kb")
    assert "spaniel[files]" in caught.value.hint and not (tmp_path / "kb").exists()


def test_passages_of_pages_and_of_word_files_are_under_their_headings(tmp_path: Path) -> None:
    words = " ".join(f"word{n}" for n in range(80))
    (tmp_path / "docs").mkdir()
    page = f"<title>Keys - The Manual</title><h1>Keys</h1><p>{words}<h2>Loss</h2><p>{words}<p>{words}"
    (tmp_path / "docs" / "a.html").write_text(page)
    file = docx.Document()
    file.core_properties.title = "Keys"
    for heading in ("Keys", "Loss"):
        file.add_heading(heading, 1 + (heading == "Loss"))
        file.add_paragraph(words)
    file.add_paragraph(words)
    file.save(str(tmp_path / "docs" / "b.docx"))
    with sp.build(tmp_path / "docs", tmp_path / "kb") as kb:
        assert kb.get("a.html#3").title == "Keys - The Manual > Loss"
        assert kb.get("b.docx#3").title == "Keys > Loss"
        assert kb.document_text("a.html") == f"Keys\n\n{words}\n\nLoss\n\n{words}\n\n{words}"


def test_what_was_read_is_quoted_from_the_index(tmp_path: Path) -> None:
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "a.docx").write_bytes(word_bytes())
    (tmp_path / "docs" / "b.pdf").write_bytes(pdf_bytes(*[f"Page {n} has words on it." for n in range(9)]))
    with sp.build(tmp_path / "docs", tmp_path / "kb", chunks=16) as kb:
        assert kb.info()["documents"] == 2 < len(kb)
        for name in ("a.docx", "b.pdf"):
            text = read(tmp_path / "docs" / name).text
            assert kb.document_text(name) == text
            for passage in kb.passages.get(kb.passages.of_document(name)):
                assert text[passage.start : passage.end] == passage.text


_SPACE = 'xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"'


def with_body(*elements: str) -> bytes:
    """A Word document whose body begins with these elements."""
    document = docx.Document()
    for place, element in enumerate(elements):
        document.element.body.insert(place, docx.oxml.parse_xml(element.replace(">", f" {_SPACE}>", 1)))
    kept = BytesIO()
    document.save(kept)
    return kept.getvalue()


def run(text: str) -> str:
    return f"<w:r><w:t>{text}</w:t></w:r>"


def test_insertions_controls_and_nested_tables_are_read_and_deletions_are_not() -> None:
    changed = f"<w:p>{run('plain ')}<w:ins w:id='1'>{run('inserted')}</w:ins><w:del w:id='2'><w:r><w:delText>gone"
    changed += "</w:delText></w:r></w:del></w:p>"
    control = f"<w:sdt><w:sdtContent><w:p>{run('in a control')}</w:p></w:sdtContent></w:sdt>"
    inner = f"<w:tbl><w:tr><w:tc><w:p>{run('nested')}</w:p></w:tc></w:tr></w:tbl>"
    table = f"<w:tbl><w:tr><w:tc><w:p>{run('cell')}</w:p>{inner}<w:p/></w:tc><w:sdt><w:sdtContent><w:tc><w:p>"
    table += f"{run('last')}</w:p></w:tc></w:sdtContent></w:sdt></w:tr></w:tbl>"
    _, text = docx_text(with_body(changed, control, table), max_unpacked_bytes=1 << 24, max_chars=1 << 20)
    assert text == "plain inserted\n\nin a control\n\n| cell nested | last |"


def test_a_cell_over_a_million_columns_is_one_cell() -> None:
    span = '<w:tcPr><w:gridSpan w:val="100000000"/></w:tcPr>'
    table = f"<w:tbl><w:tr><w:tc>{span}<w:p>{run('wide')}</w:p></w:tc></w:tr></w:tbl>"
    assert docx_text(with_body(table), max_unpacked_bytes=1 << 24, max_chars=1 << 20) == ("", "| wide |")
