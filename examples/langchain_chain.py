"""The index as a retriever of langchain-core in a chain, and a folder of vectors and words as its vector store."""

import tempfile
from pathlib import Path

from langchain_core.embeddings import DeterministicFakeEmbedding
from langchain_core.runnables import RunnableLambda, RunnablePassthrough

import spaniel as sp
from spaniel.rag.langchain import SpanielRetriever, SpanielVectorStore

DOCS = Path(__file__).resolve().parent.parent / "docs"

with tempfile.TemporaryDirectory() as folder:
    sp.build(DOCS, Path(folder) / "kb").close()
    retriever = SpanielRetriever(source=Path(folder) / "kb", k=2)
    joined = RunnableLambda(lambda found: [f"{each.id}: {each.page_content[:40]!r}" for each in found])
    chain = {"context": retriever | joined, "question": RunnablePassthrough()}
    print((chain | RunnableLambda(lambda both: both)).invoke("what is a tombstone?"))
    retriever.close()

    # Any Embeddings will do; this one means nothing, SpanielEmbeddings("minilm") does.
    store = SpanielVectorStore.from_texts(
        ["Dogs bark.", "Cats purr."], DeterministicFakeEmbedding(size=8), path=Path(folder) / "pets"
    )
    print(store.similarity_search("who purrs? cats", k=1, retriever="hybrid")[0].page_content)
    store.close()
