"""`spaniel doctor`: what is installed, what is missing, what clashes."""

import importlib
import importlib.metadata as metadata
import platform
import re
import sqlite3
from typing import Any

import click

from .console import Console, with_console
from .doctor_engines import engines, found_clashes, installed, normal
from .doctor_models import models

__all__ = ["doctor"]

_EITHER = {"cpu": "gpu", "gpu": "cpu"}


@click.command()
@with_console
def doctor(console: Console) -> int:
    """Say what is installed and what this machine can do.

    Also which of the packages for vector search are there, for CPU or GPU, whether two of them clash, and which models
    are on this machine. Exits with 1 when something is broken or clashes.
    """
    kernels = _kernels()
    there = installed()
    vector_search, broken = engines(there)
    on_machine, damaged = models()
    problems = [kernels["error"]] if "error" in kernels else []
    problems += [*found_clashes(there), *broken, *damaged]
    found = {
        "spaniel": metadata.version("spaniel"),
        "python": platform.python_version(),
        "machine": f"{platform.system()} {platform.machine()}",
        "sqlite": sqlite3.sqlite_version,
        "kernels": kernels,
        "dependencies": _versions(_required("")),
        "extras": _extras(),
        "engines": vector_search,
        "models": on_machine,
        "problems": problems,
    }
    console.emit(found, "\n".join(_lines(found)))
    return 1 if problems else 0


def _kernels() -> dict[str, Any]:
    """The instruction set that the compiled kernels chose, or why they cannot be loaded."""
    try:
        native = importlib.import_module("spaniel.index.kernels._native")
    except ImportError as error:
        return {"error": f"the compiled kernels cannot be loaded: {error}"}
    return {"instruction_set": native.kernel_name()}


def _required(extra: str) -> list[str]:
    """Names that the package asks for under an extra; its core dependencies for ""."""
    names = []
    for requirement in metadata.requires("spaniel") or []:
        name, _, condition = requirement.partition(";")
        asked = re.search(r"extra\s*==\s*['\"]([^'\"]+)", condition)
        if (asked[1] if asked else "") == extra:
            names.append(normal(re.match(r"[A-Za-z0-9._-]+", name.strip())[0]))  # type: ignore[index]
    return names


def _extras() -> dict[str, dict[str, str | None]]:
    """Extra -> package -> version, None for a package that is not there."""
    return {
        extra: _versions(_required(extra)) for extra in metadata.metadata("spaniel").get_all("Provides-Extra") or []
    }


def _versions(names: list[str]) -> dict[str, str | None]:
    found: dict[str, str | None] = {}
    for name in names:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            found[name] = None
    return found


def _lines(found: dict[str, Any]) -> list[str]:
    """The report as aligned lines."""
    lines = [f"{name:<14}{found[name]}" for name in ("spaniel", "python", "machine", "sqlite")]
    lines.append(f"{'kernels':<14}{found['kernels'].get('instruction_set', 'cannot be loaded')}")
    lines.append(f"{'needs':<14}{_packages(found['dependencies'])}")
    lines += [f"{module:<14}{_engine(about)}" for module, about in found["engines"].items()]
    lines += [f"{name:<14}{about['folder'] or 'not here: ' + about['hint']}" for name, about in found["models"].items()]
    for extra, packages in found["extras"].items():
        lines.append(f"{'[' + extra + ']':<14}{_extra(extra, packages, found['extras'])}")
    lines += [f"{'problem':<14}{problem}" for problem in found["problems"]]
    return lines


def _extra(extra: str, packages: dict[str, str | None], extras: dict[str, dict[str, str | None]]) -> str:
    missing = [name for name, version in packages.items() if version is None]
    other = _EITHER.get(extra)
    if missing and other in extras and None not in extras[other].values():
        return f"not installed, as it should be: [{other}] is, and the two clash"
    return "installed" if not missing else f"not installed ({', '.join(missing)}): pip install 'spaniel[{extra}]'"


def _engine(about: dict[str, Any] | None) -> str:
    if about is None:
        return "not installed: pip install 'spaniel[cpu]', or 'spaniel[gpu]' for a machine with a GPU"
    said = [f"{about['distribution'] or 'of unknown origin'} {about['version'] or ''}".strip()]
    if "gpus" in about:
        said.append(f"{about['gpus']} GPUs" if about["gpus"] else "no GPU")
    said += [provider.removesuffix("ExecutionProvider") for provider in about.get("providers", [])]
    return ", ".join(said)


def _packages(versions: dict[str, str | None]) -> str:
    return ", ".join(f"{name} {version or 'missing'}" for name, version in versions.items())
