"""Write a small file so that a reader sees the old one or the new one, never half of it.

Promised: after an error or a crash the old file stands. A link is followed; what is not a regular file, such as a device, is never
replaced. Not promised: that the bytes have reached the disk. Directories are built by `filesystem.staging`.
"""

from __future__ import annotations

import errno
import os
import secrets
from pathlib import Path


def write_atomically(path: Path, data: bytes) -> None:
    """Write beside the file, then rename.

    Raises:
        OSError: It can't be written.
    """
    target = Path(os.path.realpath(path))
    if target.exists() and not target.is_file():
        raise OSError(errno.EINVAL, "exists and is not a regular file", str(path))
    draft = target.with_name(f".{target.name}.{secrets.token_hex(4)}")
    try:
        draft.write_bytes(data)
        os.replace(draft, target)
    finally:
        draft.unlink(missing_ok=True)
