"""ADORE on a CPU: what training the query encoder against an index gains on test questions, for floats and for codes.

    python -m benchmarks.train_adore index --work WORK      # an index a collection: float32, and 50 bytes of codes
    python -m benchmarks.train_adore train --work WORK      # a model for each row of the table; run again, it goes on
    python -m benchmarks.train_adore test  --work WORK      # nDCG@10 of the test splits, with paired tests
    python -m benchmarks.train_adore peers --work WORK      # other codes of 48 to 56 bytes, asked by the start
    python -m benchmarks.train_adore table --work WORK

Every stage keeps what it has in WORK and, run again, does what is missing; `--models float-both codes-both` does some.
`train` takes nothing from test splits: questions of test are left out of train and dev, and the state that is kept is
the one that is best on dev. `dev` trains as `train` does, with settings given as KEY=VALUE, and shows dev alone.
"""

import argparse
import json
import shutil
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spaniel.eval.collections import collection
from spaniel.eval.evaluation import Evaluation, evaluate
from spaniel.eval.measures.score import score
from spaniel.eval.run import Run
from spaniel.eval.statistics import paired_difference
from spaniel.index.build import build
from spaniel.index.dense.add_dense import add_dense
from spaniel.index.dense.settings import StoreSettings
from spaniel.index.index import Index, open_index
from spaniel.models.encoders.open import open_encoder
from spaniel.retrieval.types import Ranking
from spaniel.training.data import training_set
from spaniel.training.loop import run
from spaniel.training.methods.adore import Adore
from spaniel.training.settings import settings_for

from .binary_methods import INDEXES, METHODS
from .binary_quality import DATA
from .report import machine, markdown

SETS = ("nfcorpus", "scifact", "hotpotqa-mini", "cosqa")
"""The last two are not trained on."""
STORES = {"float": StoreSettings("float32"), "codes": StoreSettings("binary", rescore="none")}
MODELS = {
    f"{vectors}-{name}": (vectors, sets)
    for name, sets in (("nfcorpus", SETS[:1]), ("scifact", SETS[1:2]), ("both", SETS[:2]))
    for vectors in STORES
}
PEERS = ("ITQ", "FAISS RaBitQ", "FAISS RR,RaBitQ fast-scan", "FAISS PQ96x4 fast-scan", "FAISS OPQ, PQ96x4 fast-scan")
MEASURE = "nDCG@10"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("stage", choices=list(STAGES))
    parser.add_argument("settings", nargs="*", metavar="KEY=VALUE", help="of dev: settings over the defaults")
    parser.add_argument("--work", type=Path, default=Path("train-adore-work"))
    parser.add_argument("--models", nargs="+", choices=list(MODELS), default=list(MODELS))
    parser.add_argument("--sets", nargs="+", choices=SETS, default=SETS, help="of index, test and peers")
    args = parser.parse_intermixed_args()
    args.work.mkdir(parents=True, exist_ok=True)
    STAGES[args.stage](args)


def index(args: argparse.Namespace) -> None:
    for name in args.sets:
        path, cache = args.work / "indexes" / name, args.work / "embeddings"
        if not (path / "MANIFEST").exists():
            build(
                DATA / name, path, dense="minilm", dense_name="float", store=STORES["float"], embedding_cache=cache
            ).close()
        with open_index(path) as kb:
            there = kb.dense_names
        if "codes" not in there:
            add_dense(path, "minilm", name="codes", store=STORES["codes"], embedding_cache=cache).close()
        print(f"{name}: {path}", flush=True)


def train(args: argparse.Namespace) -> None:
    for name in args.models:
        out = args.work / "models" / name
        if not out.exists():
            _trained(args.work, name, {}, out)


def dev(args: argparse.Namespace) -> None:
    given = dict(each.split("=", 1) for each in args.settings)
    for name in args.models:
        figures = _trained(args.work, name, {key: _value(text) for key, text in given.items()}, None)
        print(name, given, json.dumps(figures), flush=True)


def _trained(work: Path, name: str, given: Mapping[str, Any], out: Path | None) -> dict[str, Any]:
    """Train a model; written to `out`, with what it took, unless that is None."""
    vectors, names = MODELS[name]
    settings = settings_for("adore", **given)
    began = time.perf_counter()
    with ExitStack() as stack:
        kbs = [stack.enter_context(open_index(work / "indexes" / each)) for each in names]
        sets = [training_set(kb, DATA / each) for kb, each in zip(kbs, names, strict=True)]
        method = Adore.open(sets, settings, vectors=vectors)
        state = work / "states" / f"{name}-{time.time_ns()}"
        outcome = run(method, settings, state=state, on_event=_tell(name))
        shutil.rmtree(state)
        scores = method.evaluate()
        curve = [{"step": one.step, **{each: of.mean for each, of in one.scores.items()}} for one in outcome.curve]
        figures = {
            "settings": settings.to_json(),
            "questions": {each.name: [len(each.train), len(each.dev)] for each in sets},
            "dev": {each: one.mean for each, one in scores.items()},
            "curve": curve,
            "best_step": outcome.best_step,
            "seconds": time.perf_counter() - began,
        }
        if out is not None:
            held = json.dumps(figures, indent=1).encode()
            method.write(out, {"trained_from": {"model": "minilm"}, "extra_files": {"training/figures.json": held}})
    return figures


def test(args: argparse.Namespace) -> None:
    known = _known(args.work / "test.json")
    for name in args.sets:
        judged = collection(str(DATA / name))
        with open_index(args.work / "indexes" / name) as kb, ExitStack() as stack:
            for model in args.models:
                out = args.work / "models" / model
                if not out.exists() or name in known.get(model, {}):
                    continue
                encoder, vectors = stack.enter_context(open_encoder(out)), MODELS[model][0]
                lines = {
                    "float": kb.dense("float"),
                    "start": kb.dense(vectors),
                    "trained": kb.dense(vectors, encoder=encoder),
                }
                found = evaluate(lines, judged, [MEASURE], baseline="start", timing_s=0)
                compared = next(c for c in found.results.comparisons if c.system == "trained")
                means = {line: found.mean(line, MEASURE) for line in lines}
                known.setdefault(model, {})[name] = {
                    **means,
                    "difference": [compared.difference, compared.low, compared.high],
                    "p": compared.p,
                    "n": len(found.scores["start"].query_ids),
                    "new": _on_new_answers(found, name, judged.qrels) if name in MODELS[model][1] else None,
                }
                print(model, name, known[model][name], flush=True)
                (args.work / "test.json").write_text(json.dumps(known, indent=1))


def _on_new_answers(found: Evaluation, name: str, qrels: Mapping[str, Mapping[str, int]]) -> list[float] | None:
    """The gain over test questions none of whose answers is one of a train question: [mean, low, high, p, n].

    None where there are fewer than ten.
    """
    train = collection(str(DATA / name), split="train").qrels.values()
    known = {document for grades in train for document, grade in grades.items() if grade > 0}
    ids = found.scores["start"].query_ids
    new = [place for place, each in enumerate(ids) if not known & {d for d, grade in qrels[each].items() if grade > 0}]
    if len(new) < 10:
        return None
    trained, start = (found.scores[line].values[MEASURE][new] for line in ("trained", "start"))
    paired = paired_difference(trained, start, confidence=0.95, seed=0, resamples=10_000, alpha=0.05)
    return [paired.difference, paired.low, paired.high, paired.p, len(new)]


def peers(args: argparse.Namespace) -> None:
    known = _known(args.work / "peers.json")
    for name in args.sets:
        wanted = [each for each in PEERS if name not in known.get(each, {})]
        if not wanted:
            continue
        with open_index(args.work / "indexes" / name) as kb, open_encoder("minilm", threads=1) as encoder:
            rows, ordinals = _rows(kb)
            judged = collection(str(DATA / name))
            asked = [each for each, grades in judged.qrels.items() if any(grade > 0 for grade in grades.values())]
            queries = encoder.encode([judged.queries[each] for each in asked], kind="query")
            ids = np.array(kb.passages.doc_ids(ordinals), object)
        for label in wanted:
            method, folder = METHODS[label], args.work / "scratch" / f"{name}-{METHODS[label].index}"
            folder.mkdir(parents=True, exist_ok=True)
            INDEXES[method.index].build(rows, folder, 0)
            found = method.search(INDEXES[method.index].open(folder, rows))(queries, 10)
            known.setdefault(label, {})[name] = _ndcg(asked, found, ids, judged.qrels)
            print(label, name, known[label][name], flush=True)
            (args.work / "peers.json").write_text(json.dumps(known, indent=1))


def _rows(kb: Index) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    retriever = kb.dense("float")
    ordinals = np.concatenate([each.rows.ordinals_of(np.arange(each.part.n_passages)) for each in retriever.segments])
    return retriever.vectors(ordinals), ordinals


def _ndcg(
    asked: Sequence[str], found: NDArray[np.int64], ids: NDArray[Any], qrels: Mapping[str, Mapping[str, int]]
) -> float:
    places = np.arange(found.shape[1], 0, -1).astype(np.float32)
    rankings = [Ranking(np.asarray(rows, np.int32), places) for rows in found]
    made = Run.from_ordinals(asked, {"codes": rankings}, lambda rows: ids[rows].tolist(), name="codes")
    return score(made, {each: qrels[each] for each in asked}, [MEASURE]).mean(MEASURE)


def table(args: argparse.Namespace) -> None:
    tested, codes = _known(args.work / "test.json"), _known(args.work / "peers.json")
    rows = []
    for model, by_set in tested.items():
        for name, f in by_set.items():
            low, high = f["difference"][1:]
            gain = f"{f['difference'][0]:+.4f} ({low:+.4f} to {high:+.4f})"
            rows.append(
                [model, name, f"{f['float']:.4f}", f"{f['start']:.4f}", f"{f['trained']:.4f}", gain, f"{f['p']:.4f}"]
            )
    print(markdown(["trained on", "tested on", "floats", "start", "trained", "gain", "p"], rows))
    rows = []
    floats = {name: f["float"] for by_set in tested.values() for name, f in by_set.items()}
    for label, by_set in [*codes.items(), *((m, {n: f["trained"] for n, f in t.items()}) for m, t in tested.items())]:
        shares = {name: 100 * value / floats[name] for name, value in by_set.items() if name in floats}
        cells = [f"{shares[name]:.1f}" if name in shares else "" for name in SETS]
        rows.append([label, *cells, f"{np.mean([shares[n] for n in SETS[:3]]):.1f}" if len(shares) >= 3 else ""])
    print(markdown(["percent of the floats' nDCG@10", *SETS, "mean of three"], rows))
    print(machine())


def _known(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(path.read_text()) if path.exists() else {}
    return found


def _value(text: str) -> Any:
    try:
        return json.loads(text)
    except json.JSONDecodeError:
        return text


def _tell(name: str) -> Any:
    def tell(event: Any) -> None:
        if event.kind == "evaluation":
            print(f"{name}: step {event.step} of {event.n_steps}, loss {event.loss:.3f}, dev {event.dev}", flush=True)

    return tell


STAGES = {"index": index, "train": train, "dev": dev, "test": test, "peers": peers, "table": table}

if __name__ == "__main__":
    main()
