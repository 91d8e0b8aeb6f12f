"""The registry's data: complete, consistent, and equal to the means that its sources give."""

import re
from pathlib import Path
from statistics import fmean

import pytest
from contracts.collection_folder import make

import spaniel
from spaniel.eval.collections import registry
from spaniel.eval.collections.registry import Seen, entries, info_of, published, resolve
from spaniel.retrieval.errors import InvalidInput

FIGURES = registry._data("published.toml")
EIGHTEEN = [
    "trec-covid", "bioasq", "nfcorpus", "nq", "hotpotqa", "fiqa", "signal1m", "trec-news", "robust04", "arguana",
    "webis-touche2020", "cqadupstack", "quora", "dbpedia-entity", "scidocs", "fever", "climate-fever", "scifact",
]  # fmt: skip
THIRTEEN = [name for name in EIGHTEEN if entries()[name].md5 and not entries()[name].parts]
FORUMS = [f"cqadupstack-{part}" for part in entries()["cqadupstack"].parts]
NINE = list(FIGURES["systems"])[:9]


def value(name: str, system: str, measure: int) -> float | None:
    row = FIGURES["figures"][name].get(system)
    return None if row is None else row[measure]


@pytest.mark.parametrize("system", NINE)
@pytest.mark.parametrize("measure", [0, 1])
def test_means_are_those_of_the_table(system: str, measure: int) -> None:
    """A slip in any figure would move a mean: each figure and each mean is rounded to one decimal."""
    assert len(THIRTEEN) == 13
    for which, names in (("all", EIGHTEEN), ("public", THIRTEEN)):
        values = [value(name, system, measure) for name in names]
        if system not in FIGURES["means"][which]:
            assert None in values
            continue
        there = [number for number in values if number is not None]
        assert len(there) == len(names)
        assert fmean(there) == pytest.approx(FIGURES["means"][which][system][measure], abs=0.0501)
    forums = [value(name, system, measure) for name in FORUMS]
    assert fmean(number for number in forums if number is not None) == pytest.approx(
        value("cqadupstack", system, measure), abs=0.0501
    )


def test_every_row_has_every_system() -> None:
    missing_in_mteb = {"bioasq", "signal1m", "trec-news", "robust04"}
    for name in [*EIGHTEEN, *FORUMS]:
        wanted = NINE[:8] if name in missing_in_mteb else NINE
        assert list(FIGURES["figures"][name]) == wanted
        assert all(len(row) == 2 and 0 < row[0] < 100 for row in FIGURES["figures"][name].values())
        assert len(published(name, "test")) == 2 * len(wanted)


def test_exact_figures_round_to_the_table() -> None:
    for name, systems in FIGURES["exact"].items():
        for system, row in systems.items():
            for measure, number in enumerate(row):
                assert abs(number - FIGURES["figures"][name][system][measure]) <= 0.0501


def test_known_figures() -> None:
    assert published("scifact", "test")[0][:3] == ("BM25 (flat)", "nDCG@10", 0.6789)
    assert ("BM25 (flat)", "nDCG@10", 0.3218) in [figure[:3] for figure in published("nfcorpus", "test")]
    assert ("BM25 (multifield)", "R@100", 0.931) in [figure[:3] for figure in published("fever", "test")]
    assert [figure[1:3] for figure in published("bright-biology", "test")] == [("nDCG@10", 0.182)]
    assert published("scifact", "train") == ()
    assert [figure[:3] for figure in published("msmarco", "dev")] == [
        ("all-MiniLM-L6-v2", "nDCG@10", 0.365),
        ("all-MiniLM-L6-v2", "R@100", 0.845),
    ]
    assert all(figure.source for name in entries() for figure in published(name, "test"))


def test_entries_are_well_formed() -> None:
    for name, entry in entries().items():
        assert re.fullmatch(r"[a-z0-9_-]+", name)
        assert entry.documents > 0 < entry.queries
        assert "test" in entry.splits
        assert entry.md5 is None or re.fullmatch(r"[0-9a-f]{32}", entry.md5)
        assert all(re.fullmatch(r"[0-9a-f]{64}", digest) for digest in entry.sha256)
        assert all(f"{name}-{part}" in entries() for part in entry.parts)
        if entry.parts:
            parts = [entries()[f"{name}-{part}"] for part in entry.parts]
            assert {part.part_of for part in parts} == {name}
            assert sum(part.documents for part in parts) == entry.documents
            assert sum(part.queries for part in parts) == entry.queries
        if entry.url is not None:
            assert entry.url.startswith("https://")
            assert entry.url.endswith(f"/{name}.zip")
    languages = {entry.language for entry in entries().values()}
    from spaniel.index.analysis import analyzer_names

    assert languages <= set(analyzer_names())


def test_aliases_lead_to_entries_and_their_splits() -> None:
    for alias, target in registry._data("registry.toml")["aliases"].items():
        entry, split = resolve(alias)
        assert entry.name == target.partition(":")[0]
        assert split is None or split in {*entry.splits, *(entry.rules or {})}
    assert resolve("SciFact")[0].name == "scifact"
    with pytest.raises(InvalidInput, match="no such name"):
        resolve("zzz")


def seen(name: str, *, split: str = "", sha256: str = "", documents: int = 0, queries: int = 0) -> Seen:
    """What loading the collection itself would have seen, but for what is given."""
    entry = entries()[name]
    return Seen(name, split or "test", sha256, documents or entry.documents, queries or entry.queries)


def test_rules() -> None:
    assert info_of(seen("arguana"))[0].drop_self
    assert info_of(seen("quora"))[0].drop_self
    assert not info_of(seen("scifact"))[0].drop_self
    dev, _ = info_of(seen("msmarco", split="dev"))
    assert (dev.official_measure, dev.relevance) == ("RR@10", 1)
    for split, year, n in (("test", 2019, 43), ("dl20", 2020, 54)):
        info, _ = info_of(seen("msmarco", split=split, queries=n))
        assert (info.title, info.official_measure, info.relevance) == (f"TREC DL {year}", "nDCG@10", 2)
    assert resolve("trec-dl-2020")[1] == "dl20"


def test_published_figures_are_shown_beside_their_own_collection_only() -> None:
    known = entries()["scifact"].sha256[0]
    info, warnings = info_of(seen("scifact", sha256=known))
    assert (info.matched_by, len(info.published), warnings) == ("sha256", 18, [])
    info, warnings = info_of(seen("scifact", sha256="0" * 64))
    assert (info.matched_by, len(info.published), warnings) == ("counts", 18, [])
    info, warnings = info_of(seen("scifact", documents=5000))
    assert (info.matched_by, info.published) == ("name", ())
    assert "it has 5,000 documents and the registry's has 5,183" in warnings[0]
    info, warnings = info_of(seen("scifact", sha256=known, queries=299))
    assert (info.matched_by, info.published) == ("sha256", ())
    assert "299 judged queries, the published figures of SciFact are for 300" in warnings[0]
    info, warnings = info_of(seen("scifact", sha256=known, split="train", queries=809))
    assert (info.matched_by, info.published, warnings) == ("sha256", (), [])


def test_a_renamed_folder_is_recognised_by_its_corpus(shared_data: Path, tmp_path: Path) -> None:
    copy = tmp_path / "other"
    copy.mkdir()
    for path in (shared_data / "scifact").iterdir():
        (copy / path.name).symlink_to(path)
    found = spaniel.collection(copy)
    assert (found.name, found.info.registered, found.info.matched_by) == ("other", "scifact", "sha256")
    assert found.info.published[0][:3] == ("BM25 (flat)", "nDCG@10", 0.6789)
    assert found.warnings == ()


def test_real_collections_are_recognised_by_their_hashes(shared_data: Path) -> None:
    for name in ("scifact", "nfcorpus"):
        found = spaniel.collection(shared_data / name)
        assert (found.info.registered, found.info.matched_by, len(found.info.published)) == (name, "sha256", 18)
    part = spaniel.collection(shared_data / "xquad" / "zh")
    assert (part.name, part.info.language, part.info.matched_by) == ("xquad-zh", "cjk", "counts")
    whole = spaniel.collection(shared_data / "xquad")
    assert whole.info.registered == "xquad"
    assert [part.info.language for part in whole.parts()][:3] == ["arabic", "german", "greek"]


def test_the_whole_of_cqadupstack_has_the_published_mean(tmp_path: Path) -> None:
    for part in entries()["cqadupstack"].parts:
        make(tmp_path / "cqadupstack" / part)
    whole = spaniel.collection(tmp_path / "cqadupstack")
    assert whole.info.parts == tuple(FORUMS)
    assert ("BM25 (flat)", "nDCG@10", 0.302) in [figure[:3] for figure in whole.info.published]
    assert whole.parts()[0].info.published == ()  # three documents are no forum
    make(tmp_path / "few" / "cqadupstack" / "tex")
    assert spaniel.collection(tmp_path / "few" / "cqadupstack").info.published == ()
