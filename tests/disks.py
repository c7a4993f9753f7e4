"""File systems of a kind that this machine may not have, in a file, mounted for a test. Skips where that is not allowed."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

_BYTES = 320 * 2**20
"""The least that XFS takes."""


@contextmanager
def mounted(kind: str, folder: Path, num_bytes: int = _BYTES) -> Iterator[Path]:
    """Mount a new file system: btrfs or xfs, from a sparse file; tmpfs."""
    place, image = folder / kind, folder / f"{kind}.image"
    place.mkdir()
    if kind == "tmpfs":
        command = ["mount", "-t", "tmpfs", "-o", f"size={num_bytes}", "tmpfs", str(place)]
    else:
        make = shutil.which(f"mkfs.{kind}")
        if make is None:
            pytest.skip(f"needs mkfs.{kind}")
        with image.open("xb") as file:
            file.truncate(num_bytes)
        subprocess.run([make, "-q", str(image)], check=True, capture_output=True)
        command = ["mount", "-o", "loop", str(image), str(place)]
    if shutil.which("mount") is None or subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip(f"needs the right to mount {kind}")
    try:
        yield place
    finally:
        subprocess.run(["umount", str(place)], check=True)
