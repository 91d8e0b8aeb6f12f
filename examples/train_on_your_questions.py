"""A model trained on questions of one's own against an index that stays as it is; then the gain on questions apart.

The questions are the headings of the pages in docs/, and what answers one is its page; yours may be a log of clicks.
MODEL names where training starts; minilm takes some minutes on a CPU. It needs the extra train.
"""

import json
import os
import re
import tempfile
from pathlib import Path

import spaniel as sp

DOCS = Path(__file__).resolve().parent.parent / "docs"
MODEL = os.environ.get("MODEL", "minilm")

questions = {
    heading: page.name
    for page in sorted(DOCS.glob("*.md"))
    for heading in re.findall(r"^##+ (.{8,})$", page.read_text("utf-8"), re.MULTILINE)
}
asked_later = dict(list(questions.items())[::5])
log = [{"query": text, "positive": page} for text, page in questions.items() if text not in asked_later]

with tempfile.TemporaryDirectory() as folder, sp.build(DOCS, Path(folder) / "kb", dense=MODEL) as kb:
    file, better = Path(folder) / "log.jsonl", Path(folder) / "better"
    file.write_text("".join(json.dumps(line) + "\n" for line in log))
    trained = sp.train([(kb.path, file)], better, trains="binary", epochs=1)
    for gain in trained.dev.values():
        print(f"{gain.n} questions held out: nDCG@10 {gain.before:.3f} -> {gain.after:.3f}, p {gain.p:.3f}")
    with sp.open_encoder(better) as encoder:
        for name, search in {"before": kb.dense(), "after": kb.dense(encoder=encoder)}.items():
            rankings = search.search(list(asked_later), k=5)
            pages = [set(kb.passages.doc_ids(ranking.ids)) for ranking in rankings]
            found = sum(page in seen for page, seen in zip(asked_later.values(), pages, strict=True))
            print(f"{name}: {found} of {len(asked_later)} other questions have their page among the first 5 passages")
