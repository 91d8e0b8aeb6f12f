"""Which search a question gets, learned from rewards as they come in; then other policies judged on the log alone.

The questions are the headings of the pages in docs/, the reward is 1 for the right page in the first place.
"""

import re
import tempfile
from pathlib import Path

import spaniel as sp
from spaniel.rag.routing.context import context_of
from spaniel.rag.routing.router import Router
from spaniel.retrieval.policies.bandits.log import DecisionLog, read_log
from spaniel.retrieval.policies.bandits.table import make_policy
from spaniel.retrieval.policies.evaluation.estimators import snips
from spaniel.retrieval.policies.evaluation.rounds import logged_rounds

DOCS = Path(__file__).resolve().parent.parent / "docs"
QUESTIONS = [
    (heading, str(page.relative_to(DOCS)))
    for page in sorted(DOCS.rglob("*.md"))
    for heading in re.findall(r"^#+ (.{12,})$", page.read_text(encoding="utf-8"), re.MULTILINE)
]

with tempfile.TemporaryDirectory() as folder, sp.build(DOCS, Path(folder) / "kb") as kb:
    arms = {"words": kb.bm25(k=10), "likelihood": kb.likelihood(k=10), "both": sp.rrf(kb.bm25(50), kb.likelihood(50))}
    context = context_of(kb)
    # A log that shall judge other policies needs each arm now and then: a fifth of the decisions are dealt evenly.
    policy = make_policy("linucb", list(arms), context.dimension, floor=0.2, seed=1)
    router = Router(policy, arms, features=context)

    log = Path(folder) / "decisions.jsonl"
    with DecisionLog(log) as writing:
        for question, page in QUESTIONS:
            decision, pipeline = router.decide(question)
            assert pipeline is not None
            [ranking] = pipeline.search([question], k=1)
            found = [passage.doc_id for passage in kb.passages.get(ranking.ids)]
            metrics = {"reward": float(found == [page])}
            router.learn(decision, metrics)
            writing.append(decision, metrics)

    chances = policy.choose(context("how do I rotate a key?")).probabilities
    print(f"{len(QUESTIONS)} questions; chances of the next: {', '.join(f'{p:.2f}' for p in chances)}")
    rounds = logged_rounds(read_log(log).entries)
    print(f"what the policy earned while it learned: {rounds.rewards.mean():.3f} a question")
    for place, arm in enumerate(policy.arms):
        always = [[float(other == place) for other in range(len(arms))]] * len(rounds)
        told = snips(rounds, always)
        said = f"{told.value:.3f} ({told.low:.3f} to {told.high:.3f}), as if from {told.effective_n:.0f} rounds"
        print(f"always {arm}, judged from that log alone: {said}")
