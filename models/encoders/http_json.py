"""POST some JSON, get some JSON, or lines as they come: with a key, limits of time, tries, and bounded answers.

The key goes to the host that was named and nowhere else: redirects are refused, and so is sending it without TLS to
another machine; requests to this machine go through no proxy. It never stands in a message.

A server that sends a byte now and then does not keep it waiting for ever (`http_open.py`).
"""

import http.client
import json
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from typing import Any, TypeVar
from urllib.parse import SplitResult, parse_qsl, urlsplit

from spaniel.models.text import clean
from spaniel.retrieval.errors import InvalidInput, LimitExceeded, ModelError, SpanielError

from .http_open import opening

__all__ = ["LOOPBACK", "BrokenOff", "Poster", "Refused", "open_parts"]

Answer = TypeVar("Answer")

_AGAIN = (408, 409, 425, 429, 500, 502, 503, 504)
_LONGEST_WAIT_S = 60.0
_EXCERPT = 300
_SAID_BYTES = 4096
_NO_INTERFACE = "check the URL: interfaces mostly end with /v1, and a login page may stand in front of one"
LOOPBACK = ("localhost", "127.0.0.1", "::1")


def open_parts(url: str, *, hint: str = "give a key beside the URL, or through the environment") -> SplitResult:
    """The parts of a URL that may be kept and shown, as names, errors and traces do.

    Raises:
        InvalidInput: no URL; or one with a user, a password or parameters, which is not repeated. The version of the
            interface may stand there; any other parameter, even a bare word, may be a key.
    """
    if not isinstance(url, str):
        raise InvalidInput("endpoint", f"the URL is {type(url).__name__}; it must be a str")
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError as error:
        shown = "the URL" if "@" in url else repr(url)
        raise InvalidInput("endpoint", f"{shown} is no URL" + (f" ({error})" if "@" not in url else "")) from None
    names = [name for name, _ in parse_qsl(parts.query, keep_blank_values=True)]
    if "@" in parts.netloc or ("@" in url and not parts.netloc) or any(name != "api-version" for name in names):
        raise InvalidInput("endpoint", "a URL with a user, password or parameters would be kept and shown", hint)
    return parts


class Refused(ModelError):
    """The server answered with an HTTP status, `status`, that is none of success; `wait_s` is what it asks to wait."""

    def __init__(self, what: str, status: int, wait_s: float | None = None) -> None:
        super().__init__(what)
        self.status, self.wait_s = status, wait_s


class BrokenOff(ModelError):
    """An answer began and did not come to its end."""


@dataclass(frozen=True, slots=True)
class Poster:
    """Sends requests to one URL. Safe to call from several threads.

    Attributes:
        url: http or https.
        key: sent as a bearer token; empty for none.
        timeout_s: for connecting, and for each read.
        limit_s: for one `post` in all, tries and waits included.
        tries: requests in all before giving up on a server that is busy, failing or out of reach.
        sleep: how to wait between them; tests put something else here.
        later: the hint when it has given up: what to do then depends on what the answers are for.

    Raises:
        InvalidInput: another kind of URL, or one that holds a secret; or a key that would travel in the clear to
            another machine.
    """

    url: str
    key: str = field(default="", repr=False)
    timeout_s: float = 60.0
    limit_s: float = 600.0
    tries: int = 5
    sleep: Callable[[float], None] = time.sleep
    later: str = "try again later"

    def __post_init__(self) -> None:
        parts = open_parts(self.url)
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
        with self.masking():
            return self._post(json.dumps(body).encode(), max_bytes)

    @contextmanager
    def masking(self) -> Iterator[None]:
        """Errors of the block say nothing of the key, whatever a server made of it."""
        try:
            yield
        except SpanielError as error:
            error.args = tuple(self.masked(each) if isinstance(each, str) else each for each in error.args)
            error.hint = self.masked(error.hint)
            raise

    def masked(self, text: str) -> str:
        """The text without the key, as it is and as Python or JSON would write it; and fit to be printed."""
        for form in (self.key, repr(self.key)[1:-1], json.dumps(self.key)[1:-1]) if self.key else ():
            text = text.replace(form, "***")
        return clean(text)

    def stream(
        self, body: Mapping[str, Any], *, max_bytes: int, limit_s: float | None = None
    ) -> Generator[bytes, None, None]:
        """The lines of the server's answer as they come, each with its end; for answers of events.

        Requests are repeated as for `post` until an answer begins, and not after that. Closing the iterator closes the
        connection.

        Args:
            limit_s: in place of the own one.

        Raises:
            Refused: as `post`.
            ModelError: no answer after all tries.
            BrokenOff: one that stops for `timeout_s`, is not over within `limit_s`, or whose connection breaks.
            LimitExceeded: an answer of more than `max_bytes`.
        """
        data = json.dumps(body).encode()
        with self.masking():
            try:
                yield from self._lines(data, max_bytes, time.monotonic() + (limit_s or self.limit_s))
            except (OSError, http.client.HTTPException) as error:
                raise BrokenOff(f"{self.url}: the answer broke off ({error!r})") from None

    def _lines(self, data: bytes, max_bytes: int, end: float) -> Iterator[bytes]:
        left = max_bytes
        with ExitStack() as held:
            response = self._tried(lambda: held.enter_context(self._response(data, end)), end)
            while line := response.readline(left + 1):
                left -= len(line)
                if left < 0:
                    raise LimitExceeded(f"{self.url}: bytes of an answer", max_bytes - left, max_bytes)
                yield line

    def _post(self, data: bytes, max_bytes: int) -> Any:
        end = time.monotonic() + self.limit_s
        return self._tried(lambda: self._once(data, max_bytes, end), end)

    def _tried(self, ask: Callable[[], Answer], end: float) -> Answer:
        """What `ask` gives, asked again while the server is busy, failing or out of reach."""
        for attempt in range(1, self.tries + 1):
            try:
                return ask()
            except Refused as error:
                if error.status not in _AGAIN:
                    raise
                what, asked = str(error), error.wait_s
            except (OSError, http.client.HTTPException) as error:  # URLError and TimeoutError are OSErrors
                reason = getattr(error, "reason", None) or error
                what, asked = f"{self.url}: no answer ({reason!r})", None
                if self._here and isinstance(reason, ConnectionRefusedError):
                    raise _hinting(what, "start the server; nothing listens there now") from None
            wait = min(30.0, 0.5 * 2**attempt) if asked is None else asked
            if attempt == self.tries or wait > _LONGEST_WAIT_S or time.monotonic() + wait > end:
                break
            self.sleep(wait)
        tried = (
            f"it asks to wait {wait:.0f} s"
            if wait > _LONGEST_WAIT_S
            else f"{attempt} {'try' if attempt == 1 else 'tries'}"
        )
        raise _hinting(f"{what}; {tried}", self.later)

    @property
    def _here(self) -> bool:
        return urlsplit(self.url).hostname in LOOPBACK

    def _once(self, data: bytes, max_bytes: int, end: float) -> Any:
        with self._response(data, end) as response:
            answer = response.read(max_bytes + 1)
        if len(answer) > max_bytes:
            raise LimitExceeded(f"{self.url}: bytes of an answer", len(answer), max_bytes)
        try:
            return json.loads(answer)
        except (ValueError, RecursionError) as error:
            raise ModelError(f"{self.url}: an answer that is no JSON ({error})") from error

    @contextmanager
    def _response(self, data: bytes, end: float) -> Iterator[http.client.HTTPResponse]:
        """One request's answer, its head read."""
        request = urllib.request.Request(self.url, data, {"Content-Type": "application/json", "User-Agent": "spaniel"})
        if self.key:
            request.add_unredirected_header("Authorization", f"Bearer {self.key}")
        timeout_s = max(0.001, min(self.timeout_s, end - time.monotonic()))
        with opening(end, direct=self._here) as opener:  # a proxy would see the key
            try:
                with opener.open(request, timeout=timeout_s) as response:
                    if response.headers.get_content_type() == "text/html":
                        raise _hinting(f"{self.url}: the server answers with a page (text/html)", _NO_INTERFACE)
                    yield response
            except urllib.error.HTTPError as error:
                with error:
                    asked = _asked_wait_s(error.headers.get("Retry-After"))
                    raise Refused(self._told(error), error.code, asked) from None

    def _told(self, error: urllib.error.HTTPError) -> str:
        """Status and the beginning of what the server says."""
        try:
            said = error.read(_SAID_BYTES).decode("utf-8", "replace")
        except (OSError, http.client.HTTPException):
            said = ""
        if len(said.encode()) >= _SAID_BYTES:  # the key may stand at the cut
            said = said[: -len(self.key) or None]
        said = " ".join(self.masked(said).split())[:_EXCERPT]
        return f"{self.url}: the server answers {error.code} {error.reason}" + (f": {said}" if said else "")


def _hinting(what: str, hint: str) -> ModelError:
    error = ModelError(what)
    error.hint = hint
    return error


def _asked_wait_s(header: str | None) -> float | None:
    """Seconds of a Retry-After, which has a number or a date; None when there is none that makes sense."""
    if not header:
        return None
    try:
        seconds = float(header)
        return max(0.0, seconds) if seconds == seconds else None
    except ValueError:
        pass
    try:
        return max(0.0, parsedate_to_datetime(header).timestamp() - time.time())
    except (ValueError, OverflowError):
        return None
