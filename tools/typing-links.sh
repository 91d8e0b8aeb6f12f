#!/bin/sh
# Links that let mypy, pyright and editors see the folders as `spaniel.*` (the editable install uses an import hook).
set -e
rm -rf .typing
mkdir -p .typing/spaniel
for part in retrieval models index rerank rag eval training; do ln -s "../../$part" ".typing/spaniel/$part"; done
for part in __init__.py __main__.py py.typed cli; do ln -s "../../_spaniel/$part" ".typing/spaniel/$part"; done
