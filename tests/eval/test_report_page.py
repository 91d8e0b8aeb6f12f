"""The report page: well formed, self-contained, escaped, complete, and drawn without complaint by a real browser."""

import itertools
import re
import shutil
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

import msgspec
import pytest
from contracts.browser import Browser, browser, found_chromium
from contracts.results_folder import MEASURES, PIPELINES, make_folder, make_macro

from spaniel.eval import results_format as fmt
from spaniel.eval.report import queries
from spaniel.eval.report.differences import MAX_BARS, difference_plot
from spaniel.eval.report.queries import N_EACH, N_HITS
from spaniel.eval.report.scatter import Point, _label_place, pareto_front
from spaniel.eval.report.svg import Scale
from spaniel.eval.report.waterfall import waterfall_plots
from spaniel.eval.report.write import render_folder, write_report
from spaniel.eval.results_reader import read_parts, read_queries, read_results
from spaniel.retrieval.errors import InvalidInput

VOID = {"meta", "br", "hr", "img"}


class Page(HTMLParser):
    """Elements, ids and words of a page; complains of a tag that closes what is not open."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.words = ""
        self.feed(text)
        self.close()
        assert self.open == [], f"never closed: {self.open}"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open, f"</{tag}> closes nothing"
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if "style" not in self.open:
            self.words += data

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.elements if name == tag]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("page") / "out"
    make_folder(path, n_queries=80, warnings=["2 judged documents are not in the corpus"])
    return path


@pytest.fixture(scope="module")
def page(folder: Path) -> Page:
    return Page(render_folder(folder))


def test_the_parser_can_fail() -> None:
    with pytest.raises(AssertionError):
        Page("<p><b></p></b>")
    with pytest.raises(AssertionError):
        Page("<p>")


def test_every_section_pipeline_and_warning_is_there(page: Page) -> None:
    for heading in ("Results", "Against the baseline", "Quality and cost", "Where relevant passages are lost",
                    "Queries to read", "Collection", "Run cards", "How to reproduce"):  # fmt: skip
        assert heading in page.words
    for pipeline in PIPELINES:
        assert page.words.count(pipeline.name) > 5
    for warning in ("2 judged documents are not in the corpus", "dense: 3 queries found nothing"):
        assert warning in page.words
        assert page.words.index(warning) < page.words.index("Pipeline"), "warnings come first"
    assert "spaniel eval run scifact --pipeline=bm25" in page.words
    assert "--out 'out dir'" in page.words
    assert "a" * 64 in page.words, "the hash of the corpus"
    assert all(measure in page.words for measure in MEASURES)


def test_headings_go_down_one_level_at_a_time(page: Page) -> None:
    levels = [int(name[1]) for name, _ in page.elements if re.fullmatch("h[1-6]", name)]
    assert levels.count(1) == 1
    assert all(after <= before + 1 for before, after in itertools.pairwise(levels))


def test_ids_are_unique_and_links_lead_to_them(page: Page) -> None:
    ids = [attributes["id"] for _, attributes in page.elements if "id" in attributes]
    assert len(set(ids)) == len(ids)
    for name in ("href", "aria-labelledby"):
        for _, attributes in page.elements:
            if target := attributes.get(name):
                assert target.removeprefix("#") in ids


def test_tables_have_scopes_and_plots_have_titles(page: Page) -> None:
    assert all(attributes.get("scope") in ("col", "row", "rowgroup") for attributes in page.all("th"))
    plots = [attributes for attributes in page.all("svg") if attributes.get("role") == "img"]
    assert len(plots) == len(MEASURES) + len(PIPELINES[1:]) + 1 + len(PIPELINES)
    assert all(attributes["aria-labelledby"] for attributes in plots)


def test_nothing_is_loaded_and_nothing_runs(folder: Path) -> None:
    text = render_folder(folder)
    assert not re.search(r"""(?<![-\w])(?:src|href|action|data)=(?!"#)""", text)
    assert not re.search(r"https?:|@import|<script|<link|<iframe|<object|javascript:|\bon\w+=", text)
    assert set(re.findall(r"url\((.*?)\)", text)) == {"#hatch"}


def test_hostile_text_stays_text(tmp_path: Path) -> None:
    names = [one._replace(name=f'{one.name}"><script>x</script>') for one in PIPELINES]
    make_folder(tmp_path / "out", n_queries=30, pipelines=names, hostile=True, warnings=["<img src=x>"])
    text = render_folder(tmp_path / "out")
    page = Page(text)
    assert not page.all("script")
    assert not page.all("img")
    assert not page.all("b")
    assert "<script>alert(1)</script>" in page.words
    assert text.count("</style>") == 1
    assert not re.search("[\x00-\x08\x0b\x0c\x0e-\x1f]", text)


def test_without_queries_the_rest_is_there(tmp_path: Path) -> None:
    make_folder(tmp_path / "out", texts=False)
    words = Page(render_folder(tmp_path / "out")).words
    assert "Queries to read" not in words
    assert "Where relevant passages are lost" in words


def test_one_pipeline_shows_its_best_and_worst(tmp_path: Path) -> None:
    make_folder(tmp_path / "out", n_queries=12, pipelines=PIPELINES[:1])
    words = Page(render_folder(tmp_path / "out")).words
    assert "Answered best" in words
    assert "Answered worst" in words
    assert "Against the baseline" not in words


def test_what_is_shown_is_capped_and_says_so(tmp_path: Path) -> None:
    make_folder(tmp_path / "out", n_queries=MAX_BARS + 50)
    page = Page(render_folder(tmp_path / "out"))
    shown = [attributes for attributes in page.all("article") if attributes.get("class") == "query"]
    assert len(shown) <= 2 * N_EACH * len(PIPELINES[1:])
    assert f"At most {N_EACH} queries each way and {N_HITS} results a pipeline are shown" in page.words
    assert f"{MAX_BARS} evenly spaced ones drawn" in page.words
    bars = [a for a in page.all("rect") if a.get("class") in ("gain", "loss")]
    assert 0 < len(bars) <= MAX_BARS * len(PIPELINES[1:])


def test_a_missing_latency_is_said(page: Page) -> None:
    assert "Not shown, latency was not measured: dense." in page.words


def test_several_collections(tmp_path: Path) -> None:
    make_macro(tmp_path / "out", ["android", "../g%is"])
    written = write_report(tmp_path / "out")
    assert len(written) == 3
    page = Page(written[0].read_text(encoding="utf-8"))
    assert "Macro means" in page.words
    assert "android: dense: 3 queries found nothing" in page.words
    links = [attributes["href"] for attributes in page.all("a") if not str(attributes["href"]).startswith("#")]
    assert links == ["android/report.html", "%252E.%252Fg%2525is/report.html"]


def test_reports_lie_beside_the_results(folder: Path) -> None:
    for kind in ("html", "md", "tex"):
        (written,) = write_report(folder, kind)
        assert written == folder / f"report.{kind}"
        assert written.read_text(encoding="utf-8") == render_folder(folder, kind)
    with pytest.raises(InvalidInput, match="'pdf' is none of html, md, tex"):
        render_folder(folder, "pdf")


def test_the_front_is_what_nothing_dominates() -> None:
    points = [Point(str(i), float(ms), q, None, None) for i, (ms, q) in enumerate(
        [(1, 0.3), (1, 0.3), (2, 0.3), (2, 0.5), (1.5, 0.2), (9, 0.5), (10, 0.6)])]  # fmt: skip
    dominated = {
        one.name for one in points for other in points
        if other.ms <= one.ms and other.quality >= one.quality and (other.ms, other.quality) != (one.ms, one.quality)
    }  # fmt: skip
    assert {point.name for point in pareto_front(points)} == {point.name for point in points} - dominated


@pytest.mark.parametrize("values", [[0.2, 0.7], [0.0, 0.0], [0.5], [-1.0, 1.0], [0.3333, 0.3334], [1e-4, 120.0]])
def test_scales_hold_their_values(values: list[float]) -> None:
    scale = Scale.linear(values)
    assert 2 <= len(scale.ticks) <= 12
    assert all(-1e-9 <= scale.at(value) <= 1 + 1e-9 for value in (*values, *scale.ticks))
    if min(values) > 0:
        scale = Scale.logarithmic(values)
        assert len(scale.ticks) >= 1
        assert all(0 < scale.at(value) < 1 for value in values)


def test_sources_of_a_fusion_stand_beside_each_other() -> None:
    stages = [
        fmt.WaterfallStage(name="left", kept=60, searches=True, lost=40),
        fmt.WaterfallStage(name="right", kept=50, searches=True, lost=50),
        fmt.WaterfallStage(name="fused", kept=75, lost=2),
    ]
    waterfall = fmt.Waterfall(depth=10, relevant=100, stages=stages)
    results = fmt.CollectionResults(
        collection=fmt.CollectionFacts(name="toy"),
        measures=[],
        pipelines=[fmt.PipelineResults(name="ours", measures={}, waterfall=waterfall)],
    )
    page = Page(str(waterfall_plots(results)))
    for words in ("60, 60.0% (−40)", "50, 50.0% (−50)", "75, 75.0% (−2)"):
        assert words in page.words
    widths = [(a["x"], a["width"]) for a in page.all("rect") if a.get("class") == "lost"]
    assert widths == [("60%", "40%"), ("50%", "50%"), ("75%", "2%")]


def test_names_of_points_keep_apart() -> None:
    taken: list[tuple[float, float, float]] = []
    for place, level in ((0.1, 100.0), (0.12, 102.0), (0.13, 99.0), (0.9, 100.0), (0.92, 101.0)):
        left, text = _label_place("bm25-name", place, level, taken)
        assert 0 <= taken[-1][0] <= taken[-1][0] + taken[-1][1] <= 1
        assert left == (taken[-1][0] < place)
        assert abs(text - level) < 40
    for (at, wide, line), (start, width, other) in itertools.combinations(taken, 2):
        assert at >= start + width or start >= at + wide or abs(line - other) >= 16


def luminance(colour: str) -> float:
    """Relative luminance (WCAG 2.1)."""
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def test_words_have_contrast_in_light_dark_and_print() -> None:
    style = (Path(queries.__file__).parent / "style.css").read_text(encoding="utf-8")
    themes = [
        dict(re.findall(r"--([\w-]+): (#\w+)", block)) for block in re.findall(r":root \{(.*?)\n?\s*\}", style, re.S)
    ]
    assert len(themes) == 3
    for theme in themes:
        colours = {name: luminance(f"#{value[1:] * (6 // len(value[1:]))}") for name, value in theme.items()}
        pairs = [("ink", "paper"), ("muted", "paper"), ("blue", "paper"), ("orange", "paper"), ("ink", "amber"),
                 ("ink", "soft"), ("ink", "blue-soft")]  # fmt: skip
        for words, ground in pairs:
            high, low = sorted((colours[words], colours[ground]), reverse=True)
            assert (high + 0.05) / (low + 0.05) >= 4.5, (theme, words, ground)


@pytest.fixture(scope="module")
def chromium(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    if found_chromium() is None:
        pytest.skip("no chromium on this machine")
    with browser(tmp_path_factory.mktemp("profile")) as opened:
        yield opened


@pytest.mark.parametrize(("width", "scheme"), [(1200, "light"), (1200, "dark"), (768, "light"), (375, "dark")])
def test_a_browser_draws_it(chromium: Browser, folder: Path, tmp_path: Path, width: int, scheme: str) -> None:
    hostile = tmp_path / "hostile"
    names = [one._replace(name="a-very-long-name-without-a-blank-" * 3 + one.name) for one in PIPELINES]
    make_folder(hostile, n_queries=30, pipelines=names, hostile=True)
    for path in (folder, hostile):
        (written, *_) = write_report(path)
        chromium.open(written.as_uri(), width=width, scheme=scheme)
        assert chromium.errors == []
        assert chromium.requests == [written.as_uri()]
        assert chromium.evaluate("document.documentElement.scrollWidth") == width, "the page scrolls sideways"
        paper = chromium.evaluate("getComputedStyle(document.documentElement).backgroundColor")
        assert (paper == "rgb(255, 255, 255)") == (scheme == "light")
        outside = (
            "[...document.querySelectorAll('svg.plot *')].filter(e => e.getBoundingClientRect().right > innerWidth + 1)"
        )
        assert chromium.evaluate(f"{outside}.length") == 0
        chromium.screenshot(tmp_path / "page.png")
        assert (tmp_path / "page.png").stat().st_size > 20_000


def test_it_prints(chromium: Browser, folder: Path, tmp_path: Path) -> None:
    (written,) = write_report(folder)
    chromium.open(written.as_uri(), scheme="dark")
    chromium.pdf(tmp_path / "page.pdf")
    data = (tmp_path / "page.pdf").read_bytes()
    assert data.startswith(b"%PDF")
    assert 3 <= len(re.findall(rb"/Type\s*/Page\b", data)) <= 30
    chromium.call("Emulation.setEmulatedMedia", media="print")
    assert chromium.evaluate("getComputedStyle(document.documentElement).backgroundColor") == "rgb(255, 255, 255)"


def test_the_browser_would_notice(chromium: Browser, tmp_path: Path) -> None:
    bad = tmp_path / "bad.html"
    bad.write_text("<!doctype html><div style='width:3000px'>x</div><script>undefined_name</script><img src=none.png>")
    chromium.open(bad.as_uri(), width=375)
    assert any("undefined_name" in error for error in chromium.errors)
    assert len(chromium.requests) == 2
    assert chromium.evaluate("document.documentElement.scrollWidth") > 375
    chromium.errors.clear()


def test_a_comparison_with_nothing_optional_is_drawn(folder: Path, tmp_path: Path) -> None:
    shutil.copytree(folder, tmp_path / "out")
    file = tmp_path / "out" / "results.json"
    data = msgspec.json.decode(file.read_bytes())
    for comparison in data["comparisons"]:
        for name in ("low", "high", "p", "p_adjusted", "wins", "ties", "losses", "mde", "resamples", "seed"):
            comparison[name] = None
    for pipeline in data["pipelines"]:
        for name in ("latency_ms", "throughput", "index", "cost", "peak_rss_bytes", "waterfall"):
            pipeline[name] = None
        for figure in pipeline["measures"].values():
            figure["low"] = figure["high"] = None
    file.write_bytes(msgspec.json.encode(data))
    for kind in ("html", "md", "tex"):
        assert "None" not in re.sub(r"None\.", "", render_folder(tmp_path / "out", kind))


def test_several_collections_in_markdown_and_latex(tmp_path: Path) -> None:
    make_macro(tmp_path / "out")
    shown = render_folder(tmp_path / "out", "md")
    assert "## Collections" in shown
    for _, part in read_parts(tmp_path / "out"):
        name, figure = part.collection.name, part.pipelines[0].measures["nDCG@10"]
        assert f"| {name} |" in shown and f"{figure.mean:.4f}" in shown
        for warning in part.warnings:
            assert f"{name}: {warning}" in shown
    assert "tab:collections" in render_folder(tmp_path / "out", "tex")


def test_only_ties_are_said_and_not_drawn(folder: Path) -> None:
    results = read_results(folder)
    assert isinstance(results, fmt.CollectionResults)
    queries = [
        msgspec.structs.replace(query, pipelines=dict.fromkeys(query.pipelines, next(iter(query.pipelines.values()))))
        for query in read_queries(folder, results)
    ]
    shown = str(difference_plot(results.comparisons[0], queries, 0))
    assert f"No query of {len(queries):,} changed." in shown and "<svg" not in shown
