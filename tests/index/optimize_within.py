"""Merges and reorders an index in a process that may hold only so much more than at its start; a program of its own,
because the limit is that of a process.

    python optimize_within.py INDEX LIMIT_MIB

The limit is one of private memory (RLIMIT_DATA): pages of mapped files, which the system can drop, are not counted.
"""

import resource
import sys
from pathlib import Path

from spaniel.index import optimize, passage_writer
from spaniel.index.sparse import build

KIB = 1024


def held_bytes() -> int:
    """Private memory of this process now (VmData)."""
    status = Path("/proc/self/status").read_text()
    return next(int(line.split()[1]) * KIB for line in status.splitlines() if line.startswith("VmData:"))


def main() -> None:
    path, limit_mib = sys.argv[1], int(sys.argv[2])
    # Everything in proportion, so that a small index is to these limits what a large one is to the real ones.
    build._CHUNK_POSTINGS = 50_000
    passage_writer._CACHE_KIB = 1024
    optimize.MIN_MEMORY_BYTES = 0
    most = held_bytes() + (limit_mib << 20)
    resource.setrlimit(resource.RLIMIT_DATA, (most, most))
    optimize.optimize(path, memory_bytes=2 << 20)


if __name__ == "__main__":
    main()
