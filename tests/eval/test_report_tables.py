"""Tables of a report in every notation: the same figures, marks where the test found something, nothing unescaped."""

import html
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest
from contracts.results_folder import MEASURES, PIPELINES, make_folder, make_macro

from spaniel.eval.report import render_html, render_latex, render_markdown, render_text
from spaniel.eval.report.facts import finding
from spaniel.eval.report.latex import escape as latex_escape
from spaniel.eval.report.table import Cell, Column, Row, Table
from spaniel.eval.report.tables import baseline_of, comparisons_table, costs_table, figures_table, mark_of
from spaniel.eval.report.text import text_table
from spaniel.eval.results_format import CollectionResults, MeasureFigure

RENDERERS = [render_text, render_markdown, render_latex, render_html]


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> CollectionResults:
    folder = tmp_path_factory.mktemp("results") / "out"
    return make_folder(folder, n_queries=200, warnings=["2 queries have no judgements"])


@pytest.mark.parametrize("render", RENDERERS)
def test_every_figure_is_shown(results: CollectionResults, render: type[str]) -> None:
    shown = render(results)
    for pipeline in results.pipelines:
        assert pipeline.name in shown
        for figure in pipeline.measures.values():
            assert f"{figure.mean:.4f}" in shown
    assert "0.679" in shown, "the published figure"
    assert "SPLADE-v3" in shown


@pytest.mark.parametrize("render", RENDERERS)
def test_the_caption_names_interval_and_test(results: CollectionResults, render: type[str]) -> None:
    flat = " ".join(render(results).split()).replace("\\", "")
    assert "95% intervals (Student" in flat
    assert "paired randomisation test of 10,000 resamples, seed 0, p-values adjusted by Holm" in flat


@pytest.mark.parametrize("render", [render_text, render_markdown])
def test_warnings_are_there(results: CollectionResults, render: type[str]) -> None:
    shown = render(results)
    assert "2 queries have no judgements" in shown
    assert "dense: 3 queries found nothing" in shown
    assert shown.index("2 queries") < shown.index("nDCG@10 ")


def test_marks_say_what_the_comparisons_found(results: CollectionResults) -> None:
    assert baseline_of(results) == "bm25"
    found = {(c.system, c.measure): c for c in results.comparisons}
    assert {mark_of(results, "hybrid", measure) for measure in MEASURES} == {"better"}
    for (system, measure), comparison in found.items():
        meant = "" if not comparison.significant else "better" if comparison.difference > 0 else "worse"
        assert mark_of(results, system, measure) == meant
    turned = [
        msgspec.structs.replace(c, baseline=c.system, system=c.baseline, difference=-c.difference)
        if c.system == "hybrid"
        else c
        for c in results.comparisons
    ]
    other = msgspec.structs.replace(results, comparisons=turned)
    assert mark_of(other, "hybrid", "nDCG@10") == "better", "a comparison may stand the other way round"


def test_the_best_is_bold_and_ties_share_it(results: CollectionResults) -> None:
    column = 1 + MEASURES.index("nDCG@10")
    rows = {row.cells[0].text: row.cells[column] for row in figures_table(results).rows}
    assert [name for name, cell in rows.items() if cell.strong] == ["hybrid"]
    first = results.pipelines[0]
    equal = MeasureFigure(mean=results.pipelines[2].measures["nDCG@10"].mean - 1e-9, n=200)
    changed = msgspec.structs.replace(first, measures={**first.measures, "nDCG@10": equal})
    tied = msgspec.structs.replace(results, pipelines=[changed, *results.pipelines[1:]])
    assert sum(row.cells[column].strong for row in figures_table(tied).rows) == 2


def test_what_nobody_measured_is_left_out_and_named(results: CollectionResults) -> None:
    table = costs_table(results)
    assert "Encoded/s" not in [column.name for column in table.columns]
    assert "Not measured: Encoded/s." in table.caption
    dense = next(row for row in table.rows if row.cells[0].text == "dense")
    assert dense.cells[1].text == "–"


def test_one_pipeline_has_no_marks_no_baseline_no_best(tmp_path: Path) -> None:
    alone = make_folder(tmp_path / "out", pipelines=PIPELINES[:1])
    assert baseline_of(alone) is None
    assert not any(cell.strong or cell.mark for row in figures_table(alone).rows for cell in row.cells)
    assert comparisons_table(alone).rows == []
    assert all("baseline" not in render(alone) for render in RENDERERS)


@pytest.mark.parametrize("render", RENDERERS)
def test_macro_means(tmp_path: Path, render: type[str]) -> None:
    shown = render(make_macro(tmp_path / "out"))
    assert "Macro means" in shown
    assert all(pipeline.name in shown for pipeline in PIPELINES)


def test_text_is_aligned_and_does_not_steer_a_terminal(tmp_path: Path) -> None:
    names = [PIPELINES[0]._replace(name="免疫応答"), PIPELINES[1]._replace(name="evil\x1b[31m\u202e\n")]
    shown = render_text(make_folder(tmp_path / "out", pipelines=names, hostile=True))
    assert not set(shown) & {"\x1b", "\u202e"}
    rows = shown.splitlines()
    wide = next(row for row in rows if row.startswith("免疫応答"))
    assert rows[0].index("nDCG@10") + len("nDCG@10") == re.search(r"0\.\d{4}", wide).end() + 4  # type: ignore[union-attr]


@pytest.mark.parametrize("width", [60, 80, 100])
def test_text_keeps_within_a_width_and_loses_nothing(results: CollectionResults, width: int) -> None:
    whole, shown = render_text(results), render_text(results, width=width)
    assert max(map(len, whole.splitlines())) > width >= max(map(len, shown.splitlines()))
    figure = r"[−+]?\d[\d.,–]*"
    assert set(re.findall(figure, whole)) <= set(re.findall(figure, shown))
    assert render_text(results, width=1000) == whole


def test_words_are_wrapped_where_that_is_enough() -> None:
    columns = [Column("Measure", numeric=False), Column("Now"), Column("Reason", numeric=False)]
    table = Table("t", "T", columns, [Row((Cell("AP"), Cell("0.5"), Cell("fell by 1.00 points, more than 0.5")))])
    assert text_table(table, width=36).splitlines() == [
        "Measure  Now  Reason",
        "──────────────────────────────────",
        "AP       0.5  fell by 1.00 points,",
        "              more than 0.5",
    ]


def test_folded_blocks_repeat_the_names() -> None:
    columns = [Column("Pipeline", numeric=False), *map(Column, ("nDCG@10", "R@100", "AP"))]
    rows = [Row((Cell("bm25", "somebody, somewhere, 2024"), Cell("0.1", "0.0–0.2"), Cell("0.2"), Cell("0.3")))]
    assert text_table(Table("t", "T", columns, rows), width=25).splitlines() == [
        "Pipeline  nDCG@10  R@100",
        "────────────────────────",
        "bm25          0.1    0.2",
        "          0.0–0.2",
        "",
        "Pipeline   AP",
        "─────────────",
        "bm25      0.3",
        "bm25: somebody,",
        "somewhere, 2024",
    ]


@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="there is no pdflatex")
def test_latex_fits_the_column_of_an_article(results: CollectionResults, tmp_path: Path) -> None:
    page = (
        r"\documentclass{article}\usepackage[T1]{fontenc}\usepackage{booktabs}\begin{document}"
        f"{render_latex(results)}\\end{{document}}"
    )
    (tmp_path / "page.tex").write_text(page, encoding="utf-8")
    done = subprocess.run(
        ["pdflatex", "-interaction=nonstopmode", "page.tex"], cwd=tmp_path, capture_output=True, check=False
    )
    said = done.stdout.decode("latin-1")
    assert done.returncode == 0, said[-2000:]
    assert "Overfull" not in said
    assert r"\begin{tabular}" in page


def test_an_exact_test_is_called_so(results: CollectionResults) -> None:
    few = [msgspec.structs.replace(c, wins=3, losses=1, resamples=16) for c in results.comparisons]
    exact = msgspec.structs.replace(results, comparisons=few)
    said = "Paired randomisation test (exact, over all sign patterns), p-values adjusted by Holm's method over the"
    assert said in comparisons_table(exact).caption
    mixed = msgspec.structs.replace(results, comparisons=[few[0], *results.comparisons[1:]])
    said = "test of 10,000 resamples (exact where there are fewer sign patterns), seed 0"
    assert said in comparisons_table(mixed).caption


def test_equals_share_the_finding_and_one_query_is_one(results: CollectionResults) -> None:
    first, second = results.pipelines[:2]
    twin = msgspec.structs.replace(second, measures=first.measures)
    assert finding(msgspec.structs.replace(results, pipelines=[first, twin])).startswith(
        f"{first.name} and {second.name} have the same nDCG@10, "
    )
    alone = {name: msgspec.structs.replace(figure, n=1) for name, figure in first.measures.items()}
    one = msgspec.structs.replace(results, pipelines=[msgspec.structs.replace(first, measures=alone)])
    assert "Means over 1 query with" in figures_table(one).caption


def test_markdown_is_escaped(tmp_path: Path) -> None:
    names = [PIPELINES[0]._replace(name="a|b `c` <i>*x*</i>"), PIPELINES[1]]
    shown = render_markdown(make_folder(tmp_path / "out", pipelines=names, hostile=True))
    assert r"a\|b \`c\` \<i\>\*x\*\</i\>" in shown
    assert not re.search(r"(?<!\\)<(?!br>|small>|/small>)", shown.partition("```")[0])
    for table in re.findall(r"(?:^\|.*\n)+", shown, re.MULTILINE):
        assert len({len(re.findall(r"(?<!\\)\|", line)) for line in table.splitlines()}) == 1


def test_latex_is_escaped(tmp_path: Path) -> None:
    assert latex_escape(r"\input{x} 5% $a_b^c$ #1 ~&") == (
        r"\textbackslash{}input\{x\} 5\% \$a\_b\textasciicircum{}c\$ \#1 \textasciitilde{}\&"
    )
    names = [PIPELINES[0]._replace(name=r"[2]\end{document}"), PIPELINES[1]]
    shown = render_latex(make_folder(tmp_path / "out", pipelines=names))
    assert r"\end{document}" not in shown
    assert r"{[2]\textbackslash{}end\{document\}}" in shown
    for body in re.findall(r"\\begin\{tabular\}\{([lr]+)\}(.*?)\\end\{tabular\}", shown, re.DOTALL):
        lines = [line for line in body[1].splitlines() if line.endswith(r"\\") and "multicolumn" not in line]
        assert {len(re.findall(r"(?<!\\)&", line)) for line in lines} == {len(body[0]) - 1}


def test_html_fragment_is_escaped(tmp_path: Path) -> None:
    names = [PIPELINES[0]._replace(name="<script>x</script>"), PIPELINES[1]]
    assert "<script" not in render_html(make_folder(tmp_path / "out", pipelines=names))


@pytest.mark.parametrize("render", [render_text, render_markdown, render_latex, render_html])
def test_the_rule_of_binary_measures_is_said(results: CollectionResults, render: Callable[..., str]) -> None:
    strict = msgspec.structs.replace(results, collection=msgspec.structs.replace(results.collection, relevance=2))
    flat = " ".join(html.unescape(render(strict)).replace("\\textgreater{}", ">").replace("\\", "").split())
    assert "Binary measures: grade >= 2." in flat
    assert "inary measures" not in render(results)


@pytest.mark.parametrize("render", [render_text, render_markdown, render_latex, render_html])
@pytest.mark.parametrize(("confidence", "said"), [(0.9, "90% interval"), (None, "with confidence interval")])
def test_the_level_of_intervals_is_their_own(
    results: CollectionResults, render: Callable[..., str], confidence: float | None, said: str
) -> None:
    flat = " ".join(render(msgspec.structs.replace(results, confidence=confidence)).split()).replace("\\", "")
    assert said in flat
    assert "95%" not in flat
