"""Files with right checksums and any content: what a stranger could make, and what damage cannot."""

import json
import struct
import zlib
from pathlib import Path
from typing import Any

__all__ = ["forge_arrays", "forge_manifest"]


def forge_arrays(
    path: Path, header: Any, *, version: int = 1, zeros: bytes = bytes(32), footer_offset: int | None = None
) -> None:
    """A file of arrays with this header (bytes, or something that becomes JSON) and no arrays."""
    data = header if isinstance(header, bytes) else json.dumps(header).encode()
    body_end = -(-(64 + len(data)) // 64) * 64
    offset = body_end if footer_offset is None else footer_offset
    preamble = struct.pack("<8sIIQI32s", b"\x93SPANIEL", version, len(data), offset, zlib.crc32(data), zeros)
    body = (preamble + struct.pack("<I", zlib.crc32(preamble)) + data).ljust(body_end, b"\0")
    blocks = [body[start : start + (1 << 20)] for start in range(0, len(body), 1 << 20)]
    footer = b"".join(struct.pack("<I", zlib.crc32(block)) for block in blocks) + b"LEINAPS\x93"
    path.write_bytes(body + footer + struct.pack("<I", zlib.crc32(footer)))


def forge_manifest(body: bytes, version: int = 1) -> bytes:
    """A manifest with this body."""
    start = b"%d %08d" % (version, len(body))
    return b"spaniel manifest %s %08x\n" % (start, zlib.crc32(start + b"\n" + body)) + body
