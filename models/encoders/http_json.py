"""POST some JSON, get some JSON: with a key, time limits, tries that wait longer each time, and bounded answers.

The key goes to the host that was named and nowhere else: redirects are refused, and so is sending it without TLS to
another machine. It never stands in a message.
"""

import http.client
import json
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urlsplit

from spaniel.retrieval.errors import InvalidInput, LimitExceeded, ModelError

__all__ = ["LOOPBACK", "Poster", "Refused"]

_AGAIN = (408, 409, 425, 429, 500, 502, 503, 504)
_LONGEST_WAIT_S = 60.0
_EXCERPT = 300
LOOPBACK = ("localhost", "127.0.0.1", "::1")


class Refused(ModelError):
    """The server answered with an HTTP status that no second try will change; `status` has it."""

    def __init__(self, what: str, status: int) -> None:
        super().__init__(what)
        self.status = status


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, req: Any, fp: Any, code: int, msg: str, headers: Any, newurl: str) -> None:
        return None  # urllib then raises HTTPError with the 3xx


@dataclass(frozen=True, slots=True)
class Poster:
    """Sends requests to one URL. Safe to call from several threads.

    Attributes:
        url: http or https.
        key: sent as a bearer token; empty for none.
        timeout_s: for connecting, and for each read.
        tries: requests in all before giving up on a server that is busy, failing or out of reach.
        sleep: how to wait between them; tests put something else here.

    Raises:
        InvalidInput: another kind of URL; or a key that would travel in the clear to another machine.
    """

    url: str
    key: str = field(default="", repr=False)
    timeout_s: float = 60.0
    tries: int = 5
    sleep: Callable[[float], None] = time.sleep

    def __post_init__(self) -> None:
        parts = urlsplit(self.url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise InvalidInput("endpoint", f"{self.url!r} is no http or https URL")
        if self.key and parts.scheme == "http" and parts.hostname not in LOOPBACK:
            raise InvalidInput("endpoint", f"a key is not sent without TLS to {parts.hostname}", hint="use https://")
        if any(letter <= " " or letter > "~" for letter in self.key):
            raise InvalidInput("endpoint", "the key holds spaces, line ends or letters outside ASCII")

    def post(self, body: Mapping[str, Any], *, max_bytes: int) -> Any:
        """The server's answer as JSON.

        Raises:
            Refused: a status that stays what it is, such as 400 or 401.
            ModelError: no answer after all tries, or one that is no JSON.
            LimitExceeded: an answer of more than `max_bytes`.
        """
        data = json.dumps(body).encode()
        for attempt in range(1, self.tries + 1):
            try:
                return self._once(data, max_bytes)
            except urllib.error.HTTPError as error:
                with error:
                    what, asked = self._told(error), _asked_wait_s(error.headers.get("Retry-After"))
                if error.code not in _AGAIN:
                    raise Refused(what, error.code) from None
            except (OSError, http.client.HTTPException) as error:  # URLError and TimeoutError are OSErrors
                what, asked = f"{self.url}: no answer ({getattr(error, 'reason', None) or error!r})", None
            wait = min(30.0, 0.5 * 2**attempt) if asked is None else asked
            if attempt == self.tries or wait > _LONGEST_WAIT_S:
                break
            self.sleep(wait)
        tried = f"it asks to wait {wait:.0f} s" if wait > _LONGEST_WAIT_S else f"{attempt} tries"
        failed = ModelError(f"{what}; {tried}")
        failed.hint = "try again later; a build goes on where it stopped"
        raise failed

    def _once(self, data: bytes, max_bytes: int) -> Any:
        request = urllib.request.Request(self.url, data, {"Content-Type": "application/json", "User-Agent": "spaniel"})
        if self.key:
            request.add_unredirected_header("Authorization", f"Bearer {self.key}")
        with urllib.request.build_opener(_NoRedirects).open(request, timeout=self.timeout_s) as response:
            answer = response.read(max_bytes + 1)
        if len(answer) > max_bytes:
            raise LimitExceeded(f"{self.url}: bytes of an answer", len(answer), max_bytes)
        try:
            return json.loads(answer)
        except (ValueError, RecursionError) as error:
            raise ModelError(f"{self.url}: an answer that is no JSON ({error})") from error

    def _told(self, error: urllib.error.HTTPError) -> str:
        """Status and the beginning of what the server says, without the key should it repeat it."""
        try:
            said = error.read(4096).decode("utf-8", "replace")
        except (OSError, http.client.HTTPException):
            said = ""
        said = " ".join((said.replace(self.key, "***") if self.key else said).split())[:_EXCERPT]
        return f"{self.url}: the server answers {error.code} {error.reason}" + (f": {said}" if said else "")


def _asked_wait_s(header: str | None) -> float | None:
    """Seconds of a Retry-After, which has a number or a date; None when there is none that makes sense."""
    if not header:
        return None
    try:
        return max(0.0, float(header))
    except ValueError:
        pass
    try:
        return max(0.0, parsedate_to_datetime(header).timestamp() - time.time())
    except ValueError:
        return None
