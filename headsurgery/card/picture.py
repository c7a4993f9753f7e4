"""The heads as a picture: a row per layer, a column per head. Written by hand as a PNG, so that it needs no drawing library.

Red above zero, blue below, white at zero; edited heads are framed in black. Without scores an edited head shows its factor:
blue below 1, red above.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Collection

import numpy as np
import numpy.typing as npt

from headsurgery.heads import HeadRef

_SIDE, _FRAME = 12, 2
_HOT, _COLD, _NONE = (180, 4, 38), (58, 76, 192), (226, 226, 230)


def draw_heads(values: npt.NDArray[np.float64], marked: Collection[HeadRef]) -> bytes:
    """A PNG of values [layer, head]; NaN where there is no head.

    Args:
        values: Coloured by the square root of |value| over the largest, so that weak heads can be seen.
        marked: Heads to frame.
    """
    scale = float(np.nanmax(np.abs(values), initial=0.0)) or 1.0
    level = np.sqrt(np.minimum(np.abs(values) / scale, 1.0))[..., None]  # [layer, head, 1]
    full = np.where((values >= 0)[..., None], np.array(_HOT), np.array(_COLD))  # [layer, head, 3]
    colours = np.where(np.isnan(level), np.array(_NONE), np.nan_to_num(255 + level * (full - 255))).astype(np.uint8)
    pixels = colours.repeat(_SIDE, axis=0).repeat(_SIDE, axis=1)  # [layer * side, head * side, 3]
    pixels[::_SIDE], pixels[:, ::_SIDE] = 255, 255
    for head in marked:
        top, left = head.layer * _SIDE, head.head * _SIDE
        frame = pixels[top : top + _SIDE, left : left + _SIDE]
        inside = frame[_FRAME:-_FRAME, _FRAME:-_FRAME].copy()
        frame[:] = 0
        frame[_FRAME:-_FRAME, _FRAME:-_FRAME] = inside
    return _to_png(pixels)


def _to_png(pixels: npt.NDArray[np.uint8]) -> bytes:
    """An RGB image [height, width, 3] in the format of https://www.w3.org/TR/png-3/, each row unfiltered."""
    height, width, _ = pixels.shape
    rows = np.concatenate([np.zeros((height, 1), np.uint8), pixels.reshape(height, width * 3)], axis=1)
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(rows.tobytes(), 9)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(kind, data) for kind, data in chunks)


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
