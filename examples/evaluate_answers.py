"""Answers measured on questions with known answers: two engines compared, with intervals and a paired test."""

import json
import tempfile
from pathlib import Path

import spaniel as sp
from spaniel.eval.answering.evaluate import evaluate_answers

FACTS = {
    "oak": "The oak of the village is 300 years old. Storms have broken it twice.",
    "mill": "The mill was built in 1794 by Anna Berg. It ground rye until 1931.",
    "school": "The school has 48 pupils. It stands beside the church.",
}
QUESTIONS = [
    ("How old is the oak of the village?", ["300 years"], "oak"),
    ("Who built the mill?", ["Anna Berg"], "mill"),
    ("How many pupils has the school?", ["48"], "school"),
    ("What does the library cost?", None, None),  # the documents do not say
]

with tempfile.TemporaryDirectory() as temporary:
    folder = Path(temporary) / "village"
    (folder / "qrels").mkdir(parents=True)
    corpus = [{"_id": name, "text": text} for name, text in FACTS.items()]
    queries = [{"_id": str(n), "text": question} for n, (question, _, _) in enumerate(QUESTIONS)]
    answers = [
        {"_id": str(n), "answers": right or [], "answerable": right is not None}
        for n, (_, right, _) in enumerate(QUESTIONS)
    ]
    for name, records in (("corpus", corpus), ("queries", queries), ("answers", answers)):
        (folder / f"{name}.jsonl").write_text("".join(json.dumps(each) + "\n" for each in records))
    judged = [f"{n}\t{document}\t1\n" for n, (_, _, document) in enumerate(QUESTIONS) if document]
    (folder / "qrels" / "test.tsv").write_text("query-id\tcorpus-id\tscore\n" + "".join(judged))

    with sp.build(folder, Path(temporary) / "kb") as kb:
        engines = {"one-sentence": sp.Engine(kb, generator=sp.Extractive(max_sentences=1)), "three": sp.Engine(kb)}
        report = evaluate_answers(engines, sp.collection(folder, all=True))
    print(report)
    print(report.save(Path(temporary) / "report") / "report.html", "shows every answer")
