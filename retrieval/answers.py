"""An answer for people and for other programs: its trace as lines, itself as JSON."""

from collections.abc import Mapping, Sequence

from .types import JSON, Answer, StageRecord

__all__ = ["explained", "stage_table", "to_dict"]


def stage_table(trace: Sequence[StageRecord], *, n_out: int | None, ms: float) -> list[str]:
    """Stages as lines: name, passages in and out, milliseconds, the total; then a line for each cut-off's
    reasons."""
    rows = [("stage", "in", "out", "ms")]
    rows += [(r.name, str(r.n_in) if r.n_in else "-", str(r.n_out), f"{r.ms:.2f}") for r in trace]
    rows.append(("total", "", "" if n_out is None else str(n_out), f"{ms:.2f}"))
    widths = [max(len(row[column]) for row in rows) for column in range(4)]
    lines = [
        f"{name:<{widths[0]}}  {n_in:>{widths[1]}}  {out:>{widths[2]}}  {spent:>{widths[3]}}"
        for name, n_in, out, spent in rows
    ]
    reasons = [
        f"{r.name}: {', '.join(f'{key} {_told(value)}' for key, value in r.why.items())}" for r in trace if r.why
    ]
    return [*(line.rstrip() for line in lines), *reasons]


def _told(value: JSON) -> str:
    """A number with four digits, anything else as it is."""
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def explained(answer: Answer) -> str:
    """See `Answer.explain`."""
    lines = stage_table(answer.trace, n_out=None, ms=answer.ms)
    for what, decision in answer.decisions.items():
        explored = ", explored" if decision.explored else ""
        lines.append(f"{what}: {decision.arm} (probability {decision.propensity:.3f}{explored}; {decision.policy})")
    lines.append(f"citations: {len(answer.citations)} verified{_counts(answer.dropped, ', dropped: ')}")
    if answer.confidence is not None:
        lines.append(f"confidence: {answer.confidence:.2f}")
    if answer.abstained:
        lines.append(f"abstained: {answer.reason}")
    if answer.usage:
        lines.append(f"usage: {_counts(answer.usage)}")
    if answer.cost is not None:
        lines.append(f"cost: {answer.cost:.6f}")
    if answer.cached:
        lines.append("cached: stages and usage are those of the call that made the answer")
    lines += [f"note: {note}" for note in answer.notes]
    return "\n".join(lines)


def to_dict(answer: Answer) -> dict[str, JSON]:
    """`{"answer", "abstained", "reason", "citations": [{"id", "doc_id", "start", "end", "text", "verified",
    "answer_span"}], "usage", "cost", ...}`; texts of passages are left out."""
    citations: list[JSON] = [
        {
            "id": each.passage_id,
            "doc_id": each.doc_id,
            "start": each.source_span[0],
            "end": each.source_span[1],
            "text": each.text,
            "verified": each.verified,
            "answer_span": [*each.answer_span],
        }
        for each in answer.citations
    ]
    return {
        "question": answer.question,
        "answer": answer.text,
        "abstained": answer.abstained,
        "reason": answer.reason,
        "citations": citations,
        "dropped_citations": {**answer.dropped},
        "usage": {**answer.usage},
        "cost": answer.cost,
        "confidence": answer.confidence,
        "finish": answer.finish,
        "passages": [each.id for each in answer.passages],
        "decisions": {
            name: {"id": made.id, "arm": made.arm, "propensity": made.propensity}
            for name, made in answer.decisions.items()
        },
        "trace": [_record(each) for each in answer.trace],
        "notes": [*answer.notes],
        "cached": answer.cached,
        "ms": round(answer.ms, 3),
    }


def _record(record: StageRecord) -> dict[str, JSON]:
    why: dict[str, JSON] = {"why": dict(record.why)} if record.why else {}
    return {"name": record.name, "in": record.n_in, "out": record.n_out, "ms": round(record.ms, 3), **why}


def _counts(counts: Mapping[str, int], before: str = "") -> str:
    """ "2 out of range, 1 without support", or nothing."""
    return before + ", ".join(f"{name} {n}" for name, n in counts.items()) if counts else ""
