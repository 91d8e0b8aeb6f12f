"""The recall waterfall: how many relevant passages are left after each stage, and how many each stage has lost."""

from spaniel.eval.results_format import CollectionResults, PipelineResults, Waterfall, WaterfallStage

from .markup import Markup, tag
from .svg import across, clipped, drawing, label

__all__ = ["waterfall_plots"]

_ROW, _BAR = 46, 12


def waterfall_plots(results: CollectionResults) -> Markup | None:
    """A panel a pipeline; None when no pipeline has a waterfall."""
    panels = [
        _panel(pipeline, pipeline.waterfall, place)
        for place, pipeline in enumerate(results.pipelines)
        if pipeline.waterfall and pipeline.waterfall.relevant
    ]
    return tag("div", panels, class_="panels") if panels else None


def _panel(pipeline: PipelineResults, waterfall: Waterfall, place: int) -> Markup:
    before, rows, said = waterfall.relevant, [], []
    for row, stage in enumerate(waterfall.stages):
        lost = max(before - stage.kept, 0) if stage.lost is None else stage.lost
        rows.append(_row(stage, lost, waterfall.relevant, row * _ROW))
        said.append(f"{stage.name} {'finds' if stage.searches else 'keeps'} {stage.kept:,} and misses {lost:,}")
        before = stage.kept
    title = f"{pipeline.name}: of {waterfall.relevant:,} relevant passages, {'; '.join(said)}"
    plot = drawing(f"waterfall-{place}", title, _ROW * len(rows), rows)
    depth = f"first {waterfall.depth:,} results, " if waterfall.depth else ""
    note = tag("p", f"{depth}{waterfall.relevant:,} relevant", class_="note")
    return tag("figure", tag("figcaption", tag("h3", pipeline.name), note), plot)


def _row(stage: WaterfallStage, lost: int, relevant: int, top: int) -> Markup:
    """Name and counts above; below, what is kept solid, what this stage lost hatched, what was lost before empty."""
    kept, bar = stage.kept, top + 24
    counts = f"{kept:,}, {100 * kept / relevant:.1f}%" + (f" (−{lost:,})" if lost else "")
    parts = [
        label(clipped(stage.name, 26), "0", top + 16, class_="name"),
        label(counts, "100%", top + 16, class_="value", anchor="end"),
        tag("rect", x="0", y=bar, width="100%", height=_BAR, class_="empty"),
        tag("rect", x=across(kept / relevant), y=bar, width=across(lost / relevant), height=_BAR, class_="lost"),
        tag("rect", x="0", y=bar, width=across(kept / relevant), height=_BAR, class_="kept"),
    ]
    return tag("g", tag("title", f"{stage.name}: kept {kept:,}, lost {lost:,}"), parts)
