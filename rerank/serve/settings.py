"""What a server lets in: sizes and times, all bounded. What the engine does with it: `limits.py`."""

from dataclasses import dataclass, fields
from ipaddress import ip_address

from spaniel.retrieval.errors import InvalidInput

__all__ = ["Settings", "is_loopback"]

_TIMES = ("timeout_s", "body_timeout_s", "header_timeout_s", "idle_timeout_s", "write_timeout_s", "drain_s", "reload_s")


@dataclass(frozen=True, slots=True)
class Settings:
    """Limits of the HTTP side.

    Attributes:
        max_body_bytes: of one request.
        max_bodies_bytes: of all requests that are being read or answered.
        max_connections: open at once; further ones get 503.
        max_header_bytes: request line and headers.
        timeout_s: from the request's last byte to its answer, at most; a client may ask for less by `x-timeout-ms`.
        body_timeout_s: for a request's body to arrive.
        header_timeout_s: for its headers.
        idle_timeout_s: how long a connection may stay open between requests.
        write_timeout_s: how long a client may read nothing of its answer.
        drain_s: for what is under way to finish after SIGTERM.
        reload_s: between two reloads by `POST /admin/reload`.
        open_metrics: `/metrics` asks for no key.

    Raises:
        InvalidInput: a limit below 1, or a time that is not above 0.
    """

    max_body_bytes: int = 2 << 20
    max_bodies_bytes: int = 128 << 20
    max_connections: int = 512
    max_header_bytes: int = 32 << 10
    timeout_s: float = 60.0
    body_timeout_s: float = 20.0
    header_timeout_s: float = 10.0
    idle_timeout_s: float = 75.0
    write_timeout_s: float = 20.0
    drain_s: float = 30.0
    reload_s: float = 10.0
    open_metrics: bool = False

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if field.name in _TIMES and not 0 < value < float("inf"):
                raise InvalidInput("settings", f"{field.name} is {value}; it must be above 0 and finite")
            if field.name.startswith("max_") and value < 1:
                raise InvalidInput("settings", f"{field.name} is {value}; it must be at least 1")


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach what listens there.

    Example:
        >>> is_loopback("127.0.0.1"), is_loopback("localhost"), is_loopback("::1"), is_loopback("0.0.0.0")
        (True, True, True, False)
    """
    if host == "localhost":
        return True
    try:
        return ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False
