"""Which class fits and searches each kind of store that FAISS searches: a closed table."""

from .faiss_fitted import Fitted
from .faiss_hnsw import Hnsw
from .faiss_ivf import Ivf
from .faiss_scans import Pq, Rabitq
from .settings import StoreKind

__all__ = ["FAISS_KINDS"]

FAISS_KINDS: dict[StoreKind, type[Fitted]] = {each.kind: each for each in (Hnsw, Ivf, Pq, Rabitq)}
