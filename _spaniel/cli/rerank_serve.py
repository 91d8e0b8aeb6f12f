"""`spaniel rerank serve`."""

import asyncio
import logging
import sys
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from spaniel.retrieval.errors import require

from .console import Console, printable, with_console
from .values import finite

if TYPE_CHECKING:
    from spaniel.rerank.cross_encoders.base import PairModel
    from spaniel.rerank.serve.run import Service

__all__ = ["serve"]

_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
_COUNT = click.IntRange(min=1)
_SECONDS = click.FloatRange(min=0, min_open=True)
_MEGABYTES = click.FloatRange(min=0, max=128, min_open=True)  # all bodies together may have 128


@click.command()
@click.option(
    "--model", required=True, metavar="MODEL", help="A folder in hub format, an exported one, or owner/name on the hub."
)
@click.option("--host", default="127.0.0.1", show_default=True, metavar="ADDRESS", help="Where to listen.")
@click.option("--port", default=8080, show_default=True, type=click.IntRange(0, 65535), metavar="N", help="0: any.")
@click.option("--api-key-file", type=_FILE, metavar="FILE", help="Bearer keys, one a line; read again on SIGHUP.")
@click.option(
    "--admin-key-file", type=_FILE, metavar="FILE", help="Keys for POST /admin/reload, which nobody has without."
)
@click.option("--insecure", is_flag=True, help="Let other machines in although there are no keys.")
@click.option("--tls-cert", type=_FILE, metavar="FILE", help="Certificate (PEM), for https.")
@click.option("--tls-key", type=_FILE, metavar="FILE", help="Its private key (PEM).")
@click.option("--open-metrics", is_flag=True, help="/metrics asks for no key.")
@click.option(
    "--precision",
    type=click.Choice(["fp32", "int8"]),
    default="fp32",
    show_default=True,
    help="int8 is faster, close to fp32, and for the CPU alone.",
)
@click.option(
    "--provider",
    type=click.Choice(["cpu", "cuda", "tensorrt", "openvino"]),
    default="cpu",
    show_default=True,
    help="What runs the model; never another than this. All but cpu are untried.",
)
@click.option(
    "--threads",
    type=click.IntRange(1, 1024),
    metavar="N",
    help="Batches at once on the CPU [one a core]; elsewhere, of the one session.",
)
@click.option("--max-length", type=_COUNT, metavar="N", help="Tokens of a pair, behind which a text is cut.")
@click.option("--offline", is_flag=True, help="Fetch nothing: a model that is not on this machine is an error.")
@click.option("--max-documents", type=_COUNT, metavar="N", help="Of one request [1000].")
@click.option("--max-body-mb", type=_MEGABYTES, callback=finite, metavar="MB", help="Of one request, up to 128 [2].")
@click.option("--batch-tokens", type=_COUNT, metavar="N", help="Of one run of the model, padding included.")
@click.option("--queue-tokens", type=_COUNT, metavar="N", help="That may wait, before 429 is the answer.")
@click.option("--timeout-s", type=_SECONDS, callback=finite, metavar="S", help="For one request [60].")
@click.option(
    "--drain-s",
    type=_SECONDS,
    callback=finite,
    metavar="S",
    help="To finish what is under way after SIGTERM [30].",
)
@click.option("--verbose", is_flag=True, help="One line a request on stderr.")
@with_console
def serve(console: Console, **options: Any) -> int:
    """Serve a cross-encoder over HTTP, in the dialects of Jina, Cohere and TEI.

    POST /v1/rerank, /v2/rerank, /rerank and /score; GET /health, /ready, /info, /v1/models, /metrics and
    /openapi.json. A line on stdout says that it is ready, and where. SIGTERM finishes what is under way and ends;
    SIGHUP reads the keys and the model again.
    """
    for package in ("starlette", "uvicorn"):
        require(package, extra="serve")
    _log_to_stderr(verbose=options.pop("verbose"))
    service = _service(console, options)
    service.bind()
    console.note(f"loading the model; {service.url}/ready tells when it is done")
    whole = asyncio.run(service.run(lambda: _tell_ready(console, service)))
    if not whole:
        console.warn(f"not everything was finished within {service.settings.drain_s:g} s; the rest was cut off")
    return 130 if service.interrupted else 0


def _service(console: Console, options: dict[str, Any]) -> "Service":
    """The service that the options ask for; nothing is loaded yet.

    Raises:
        InvalidInput: keys that cannot be used, or a host that needs some.
    """
    from spaniel.rerank.serve.auth import Keys
    from spaniel.rerank.serve.engine import Engine
    from spaniel.rerank.serve.limits import Limits
    from spaniel.rerank.serve.run import Service
    from spaniel.rerank.serve.settings import Settings

    queue = {"documents": "max_documents", "batch_tokens": "batch_tokens", "queue_tokens": "queue_tokens"}
    limits = Limits.on(options["provider"], **_given(options, queue))
    if (megabytes := options.pop("max_body_mb")) is not None:
        options["max_body_bytes"] = int(megabytes * (1 << 20))
    settings = Settings(**_given(options, ("max_body_bytes", "timeout_s", "drain_s", "open_metrics")))
    on_cpu = options["provider"] == "cpu"
    workers = options.pop("threads") if on_cpu else 1  # a GPU runs one batch after the other
    keys = Keys(options.pop("api_key_file"))
    where = {name: options.pop(name) for name in ("host", "port", "insecure")}
    where["admin_keys"] = Keys(options.pop("admin_key_file"))
    files = {"certificate": options.pop("tls_cert"), "private_key": options.pop("tls_key")}
    engine = Engine(_loader(console, options), limits=limits, workers=workers)
    return Service(engine, settings, keys, **where, **files)


def _loader(console: Console, options: dict[str, Any]) -> Callable[[str | None], "PairModel"]:
    """Opens the model, or the one at another place."""
    model = options.pop("model")
    given = {name: value for name, value in options.items() if value is not None}

    def load(place: str | None) -> "PairModel":
        from spaniel.rerank.cross_encoders.open import open_pair_model

        return open_pair_model(place or model, on_progress=console.note, **given)

    return load


def _given(options: dict[str, Any], names: Mapping[str, str] | Iterable[str]) -> dict[str, Any]:
    """Name -> value of the options that were given, under the names of the library; `options` loses all of them."""
    named = names if isinstance(names, Mapping) else {name: name for name in names}
    taken = {name: options.pop(option, None) for name, option in named.items()}
    return {name: value for name, value in taken.items() if value is not None}


def _tell_ready(console: Console, service: "Service") -> None:
    told = service.engine.info()
    ready = {"ready": True, "url": service.url, "host": service.host, "port": service.port, **told}
    console.emit(ready, f"ready: {service.url} ({printable(str(told.get('model')))})")
    sys.stdout.flush()


def _log_to_stderr(*, verbose: bool) -> None:
    """What happens to the service, and with `verbose` to every request, as lines on stderr."""
    lines = logging.StreamHandler(sys.stderr)
    lines.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    for name, level in (("spaniel.rerank.serve", logging.INFO), ("uvicorn.error", logging.ERROR)):
        logger = logging.getLogger(name)
        logger.addHandler(lines)
        logger.setLevel(level)
        logger.propagate = False
    logging.getLogger("spaniel.rerank.serve.requests").setLevel(logging.INFO if verbose else logging.WARNING)
