"""What `spaniel doctor` says of models: which are on this machine, and whether they are what they should be."""

from typing import Any

__all__ = ["models"]

_ALWAYS = "minilm"  # the default is named even when it is missing


def models() -> tuple[dict[str, Any], list[str]]:
    """Where the known models were found, and one sentence for each whose weights are not what they should be.

    Returns:
        `{name: {"folder", "hint"}}`: of those that are here, and of the default; its folder is None and `hint` says
        how to get it when it is not. Nothing is fetched.
    """
    from spaniel.models.hub import locate
    from spaniel.models.known import known, package_folder
    from spaniel.retrieval.cache import cache_folder
    from spaniel.retrieval.errors import ModelError

    found: dict[str, Any] = {}
    problems = []
    cache = cache_folder()
    for name, entry in known().items():
        try:
            found[name] = {"folder": str(locate(name, cache=cache, offline=True).folder), "hint": ""}
        except ModelError as error:
            if package_folder(entry) is not None or (cache / "models" / name / "config.json").is_file():
                problems.append(str(error))
            if name == _ALWAYS:
                found[name] = {"folder": None, "hint": error.hint}
    return found, problems
