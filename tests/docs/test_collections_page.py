"""The page of collections says what the registry says, and names everything that is counted."""

import importlib.util
import re
from pathlib import Path
from types import ModuleType

from contracts.collection_folder import make

import spaniel

ROOT = Path(__file__).resolve().parents[2]


def load_tool() -> ModuleType:
    spec = importlib.util.spec_from_file_location("collection_docs", ROOT / "tools" / "collection_docs.py")
    assert spec is not None
    assert spec.loader is not None
    tool = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(tool)
    return tool


TOOL = load_tool()


def test_page_is_up_to_date() -> None:
    written = TOOL.PAGE.read_text(encoding="utf-8")
    assert TOOL.page(written) == written, "run: python tools/collection_docs.py"


def test_every_count_stands_on_the_page(tmp_path: Path) -> None:
    page = TOOL.PAGE.read_text(encoding="utf-8")
    table = page.partition("| `counts` | |")[2].partition("##")[0]
    assert set(re.findall(r"`([a-z_]+)`", table)) == set(spaniel.collection(make(tmp_path)).counts)
