"""What the server counts and times.

Names beginning with `te_` are those of Hugging Face's text-embeddings-inference, with its meanings, so that dashboards
made for it show this server too; what it does not count begins with `spaniel_`.
"""

import os
from collections.abc import Callable
from pathlib import Path

from .instruments import Counter, Gauge, Histogram
from .scored import Scored

__all__ = ["CONTENT_TYPE", "Metrics"]

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 25, 60)
_SIZES = tuple(1 << power for power in range(11))
_TURNED_AWAY = {
    401: "unauthorized",
    408: "too_slow",
    429: "overloaded",
    499: "cancelled",
    500: "server",
    503: "not_ready",
}
_TOKENS = tuple(1 << power for power in range(4, 17))


class Metrics:
    """All of them; the engine and the HTTP part both add to it."""

    def __init__(self) -> None:
        self.http = Counter("spaniel_http_requests_total", "Responses by route and status.")
        self.http_s = Histogram("spaniel_http_request_seconds", "From the request line to the last byte.", _SECONDS)
        self.count = Counter("te_request_count", "Requests to score pairs.")
        self.success = Counter("te_request_success", "Requests that were answered with scores.")
        self.failure = Counter("te_request_failure", "Requests that were not, by reason.")
        self.refused = Counter("spaniel_refused_total", "Requests refused with 429, by what there was too much of.")
        self.total_s = Histogram("te_request_duration", "Seconds of an answered request in the engine.", _SECONDS)
        self.failed_s = Histogram(
            "spaniel_failed_request_seconds", "Seconds of a request that was not answered, by reason.", _SECONDS
        )
        self.tokenise_s = Histogram(
            "te_request_tokenization_duration", "Seconds until its last pair was tokenised.", _SECONDS
        )
        self.queue_s = Histogram("te_request_queue_duration", "Seconds until its first batch.", _SECONDS)
        self.inference_s = Histogram(
            "te_request_inference_duration", "Seconds from its first batch to its last.", _SECONDS
        )
        self.batch_pairs = Histogram("te_batch_next_size", "Pairs of a batch.", _SIZES)
        self.batch_tokens = Histogram("te_batch_next_tokens", "Tokens of a batch, padding not counted.", _TOKENS)
        self.batch_s = Histogram("spaniel_batch_seconds", "Seconds of a run of the model.", _SECONDS)
        self.pairs = Counter("spaniel_pairs_total", "Pairs that went through the model.")
        self.tokens = Counter("spaniel_tokens_total", "Tokens that went through the model, padding not counted.")
        self.padding = Counter("spaniel_padding_tokens_total", "Padding that went through the model.")
        self.truncated = Counter("spaniel_truncated_documents_total", "Documents that were cut.")
        self.dropped = Counter("spaniel_dropped_pairs_total", "Queued pairs whose client left or whose time was up.")
        self.reloads = Counter("spaniel_reloads_total", "Models taken into service after the first, by outcome.")
        self._gauges = [Gauge("process_resident_memory_bytes", "Resident memory.", _resident_bytes)]

    def gauge(self, name: str, what: str, read: Callable[[], float]) -> None:
        """Show a number that is read at every scrape."""
        self._gauges.append(Gauge(name, what, read))

    def response(self, route: str, status: int, seconds: float) -> None:
        """Count an HTTP response; `route` is one of the server's own, never the path as it was sent."""
        self.http.add(route=route, status=str(status))
        self.http_s.add(seconds, route=route)

    def scored(self, scored: Scored, total_s: float) -> None:
        """Count a request that was answered."""
        self.success.add()
        self.total_s.add(total_s)
        self.tokenise_s.add(scored.tokenise_s)
        self.queue_s.add(scored.queue_s)
        self.inference_s.add(scored.inference_s)
        self.truncated.add(scored.truncated)

    def failed(self, reason: str, total_s: float) -> None:
        """Count a request that was not; `reason` is one of a few words."""
        self.failure.add(err=reason)
        self.failed_s.add(total_s, err=reason)

    def turned_away(self, status: int) -> None:
        """Count a request that never came to the engine: a status of 4xx that has no word of its own is validation."""
        self.count.add()
        self.failure.add(err=_TURNED_AWAY.get(status, "validation"))

    def batch(self, lengths: list[int], seconds: float) -> None:
        """Count a run of the model over pairs of these lengths."""
        tokens, padded = sum(lengths), max(lengths) * len(lengths)
        self.batch_pairs.add(len(lengths))
        self.batch_tokens.add(tokens)
        self.batch_s.add(seconds)
        self.pairs.add(len(lengths))
        self.tokens.add(tokens)
        self.padding.add(padded - tokens)

    def render(self) -> str:
        """The text of /metrics."""
        instruments = [each for each in vars(self).values() if isinstance(each, Counter | Histogram)]
        return "\n".join(line for each in (*instruments, *self._gauges) for line in each.lines()) + "\n"


def _resident_bytes() -> float:
    """0 where the system does not tell."""
    try:
        return int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except OSError:
        return 0
