"""Describe the change of a matrix: its rank, zeros, levels, factors for each row or column, or none of these.

A description says what can be seen, and what usually causes it. Several causes may look alike. Neighbour: `against`.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from headsurgery.comparing.factor import NARROW, residual_per_line
from headsurgery.storage.checkpoint import Checkpoint
from headsurgery.storage.codecs import read_numbers, read_tensor, steps_of
from headsurgery.storage.tensors import StoredSlice, TensorInfo

Matrix = npt.NDArray[Any]

_MAX_RANK, _OVERSAMPLE = 128, 24
_KEPT = 0.98
"""Share of a change's energy, apart from rounding, that a low rank must hold."""
_SHOWN = 16
"""Number of directions whose share is reported if the rank is not low."""
_STANDS_OUT = 1.5
"""How far the largest direction must exceed that of noise with the same energy (L2)."""
_MOST_ELEMENTS = 2**25
"""Of larger matrices, only evenly spaced rows are examined."""
_LARGE = 0.3
"""Relative size of a change. Above it, weights were mixed or replaced, not just trained further."""
_FEW = 0.01
"""Share of the values. If fewer changed, most of them by one step, their directions tell nothing."""
_PER_LINE = 0.2
"""Share of the change (L2) that a separate factor for each line may leave unexplained."""


def read_sample(checkpoint: Checkpoint, tensor: TensorInfo) -> Matrix:
    """A tensor, or evenly spaced rows of a very large matrix, in its stored type."""
    if tensor.num_parameters <= _MOST_ELEMENTS or len(tensor.shape) != 2:
        return read_tensor(checkpoint, tensor)
    rows, columns = tensor.shape
    length = max(1, _MOST_ELEMENTS // columns // _PLACES)
    starts = np.linspace(0, rows - length, _PLACES).astype(int)
    blocks = (range(start, start + length) for start in starts.tolist())
    return np.concatenate([read_numbers(checkpoint, StoredSlice(tensor=tensor, axis=0, block=block)) for block in blocks])


_PLACES = 64


@np.errstate(over="ignore", invalid="ignore")  # a stranger's weights may hold inf and nan
def describe_change(before: Matrix, after: Matrix) -> str:
    """Describe a change.

    Args:
        before: [rows, columns], in a stored type.
        after: The same shape, possibly in another type.
    """
    x, y = before.astype(np.float32), after.astype(np.float32)
    if not (np.isfinite(x).all() and np.isfinite(y).all()):
        return "a change that involves inf or nan"
    change = y - x
    energy = _energy(change)
    relative = float(np.sqrt(energy / max(_energy(x), 1e-300)))
    looks = _looks(before, after, change) or _describe_rank(change, relative, _rounding_of(after))
    return f"a change of {relative:.2g} of its norm, {looks}"


def _rounding_of(stored: Matrix) -> float:
    """Upper limit of the squared norm that rounding leaves: a twelfth of a squared step for each value."""
    return float((steps_of(_stored(stored)) ** 2).sum() / 12)


def _energy(values: Matrix) -> float:
    return float((values.astype(np.float64) ** 2).sum())


def _stored(values: Matrix) -> Matrix:
    """The values in the narrowest type that holds them, since a float32 file may come from a 16-bit one."""
    if values.dtype == np.float32:
        for narrow in NARROW:
            small = values.astype(narrow)
            if np.array_equal(small.astype(np.float32), values):
                return small
    return values


def _looks(before: Matrix, after: Matrix, change: Matrix) -> str | None:
    """Describe a change by features other than its rank."""
    changed = change != 0
    count = int(changed.sum())
    zeroed = int((changed & (after == 0)).sum())
    if count and zeroed == count:
        return f"{zeroed / changed.size:.2g} of its values became 0 and the others are unchanged, as after pruning"
    for narrow in NARROW:
        if before.dtype.itemsize > 2 and np.array_equal(before.astype(narrow).astype(np.float32), after.astype(np.float32)):
            return f"the same values rounded to {_NAMES[narrow.name]}"
    return _find_levels(before, after) or _find_line_factors(before, after, change)


_NAMES = {"bfloat16": "BF16", "float16": "F16"}


def _find_levels(before: Matrix, after: Matrix) -> str | None:
    """Quantization: stretches of a row have few different values, or values on a grid, and the base's don't."""
    chance = np.random.default_rng(0)
    rows, columns = after.shape
    if columns >= _GROUP:
        places = list(zip(chance.integers(0, rows, 100).tolist(), chance.integers(0, columns // _GROUP, 100).tolist(), strict=True))
        groups = [[values[row, _GROUP * place : _GROUP * (place + 1)] for row, place in places] for values in (before, after)]
        was, now = (float(np.median([len(np.unique(group)) for group in each])) for each in groups)
        if now <= 16 and was > 20:
            return f"with at most {now:.0f} different values in each {_GROUP}, as after quantizing to 4 bits or fewer"
        if all(float(np.mean([_is_on_grid(group) for group in each])) == share for each, share in zip(groups, (0.0, 1.0))):
            return f"with an 8-bit grid in each {_GROUP} values, as after quantizing to 8 bits"
    if columns > 256:
        chosen = chance.integers(0, rows, 50)
        was, now = (float(np.median([len(np.unique(values[row])) for row in chosen])) for values in (before, after))
        if now <= 256 and was > 1.3 * now:
            return f"with about {now:.0f} different values in each row instead of {was:.0f}, as after quantizing"
    return None


_GROUP = 32
"""The smallest number of values to which usual quantizations give their own scale."""


def _is_on_grid(group: Matrix) -> bool:
    """Whether values are multiples of 1/127 of the largest. Only types finer than bfloat16 can show it."""
    values = np.abs(group.astype(np.float64))
    if (group.dtype.itemsize == 2 and group.dtype != np.float16) or not values.any():
        return False
    multiples = values / (values.max() / 127)
    return bool((np.abs(multiples - np.round(multiples)) < 0.1).all())


def _find_line_factors(before: Matrix, after: Matrix, change: Matrix) -> str | None:
    """Describe a factor for all values, or one for each row or column, if it explains the change."""
    x, y = before.astype(np.float64), after.astype(np.float64)
    energy, power = _energy(change), float((x * x).sum())
    if not energy or not power or min(x.shape) < 8:
        return None
    factor = float((x * y).sum() / power)
    whole = _energy(y - factor * x)
    if whole <= _PER_LINE**2 * min(energy, _energy(y)):
        if whole <= 2 * (_rounding_of(before) + _rounding_of(after)):
            return f"{_show_factor(factor)} times the base, apart from rounding"
        return f"about {_show_factor(factor)} times the base, plus a small other change"
    for axis, line in ((0, "column"), (1, "row")):
        if residual_per_line(x, y, axis) <= _PER_LINE**2 * min(energy, _energy(y)):
            return f"each {line} times its own factor, as after folding in a norm or undoing that"
    return None


def _show_factor(factor: float) -> str:
    """Four digits; for a factor very close to 1, as many as show that it is not 1."""
    return next((shown for digits in (4, 6, 8) if float(shown := f"{factor:.{digits}g}") != 1), "1")


def _describe_rank(change: Matrix, relative: float, rounding: float) -> str:
    held, stands_out = _spectrum(change)
    energy = _energy(change)
    rank = _rank_of(held, rounding / energy, change.shape) if energy > 2 * rounding else None
    if rank is not None:
        return f"of rank {rank}, which holds {held[rank - 1]:.1%} of its energy"
    count = int(np.count_nonzero(change))
    if count <= _FEW * change.size and relative <= _LARGE:
        return f"in only {count} of its {change.size} values, as after a few steps of training, weak noise or rounding"
    share = f"its {min(_SHOWN, len(held))} largest directions hold {held[min(_SHOWN, len(held)) - 1]:.0%} of its energy"
    if relative > _LARGE:
        cause = "merging with another model or replacing the weights"
    else:
        cause = "fine-tuning" if stands_out else "a few steps of training, noise, rounding or a merge"
    return f"of no low rank, as after {cause} ({share})"


@np.errstate(over="ignore", invalid="ignore")
def low_rank_of(before: Matrix, after: Matrix) -> int | None:
    """`low_rank` of the change between two matrices, given as they are stored."""
    change = after.astype(np.float32) - before.astype(np.float32)
    return low_rank(change, rounding=_rounding_of(after)) if np.isfinite(change).all() else None


def low_rank(change: npt.NDArray[np.float32], *, rounding: float) -> int | None:
    """The smallest rank that holds the change apart from rounding, at most 128 and half of the shorter side; None if there is none.

    Args:
        change: [rows, columns].
        rounding: Squared norm that rounding alone may have caused.
    """
    energy = _energy(change)
    if not 2 * rounding < energy < np.inf:
        return None
    return _rank_of(_spectrum(change)[0], rounding / energy, change.shape)


def _rank_of(held: npt.NDArray[np.float64], rounding: float, shape: tuple[int, ...]) -> int | None:
    """The rank, from the shares of energy that the largest directions hold and from the share of rounding.

    A rank above a quarter of the shorter side must show a gap, because half of all directions hold nearly everything of many
    changes.
    """
    enough = np.flatnonzero(held[: min(shape) // 2][:_MAX_RANK] >= _KEPT * (1 - rounding))
    if not len(enough):
        return None
    rank = int(enough[0]) + 1
    own, following = (np.diff(held, prepend=0.0, append=1.0)[place] for place in (rank - 1, rank))
    return rank if rank <= min(shape) // 4 or following < _GAP * own else None


_GAP = 0.05
"""Energy of the next direction, relative to the last one that counts, for a gap."""


def _spectrum(change: Matrix) -> tuple[npt.NDArray[np.float64], bool]:
    """Cumulative shares of the energy in the largest directions, and whether the largest direction exceeds that of noise.

    Randomised (Halko, Martinsson and Tropp 2011, algorithm 4.4, one power iteration). Noise is bounded by the Marchenko-Pastur
    edge.
    """
    scale = float(np.abs(change).max())
    if not scale:
        return np.ones(1), False
    scaled = change.astype(np.float32) / np.float32(scale)  # so that no product overflows
    energy = _energy(scaled)
    probe = (
        np.random.default_rng(0).standard_normal((scaled.shape[1], min(_MAX_RANK + _OVERSAMPLE, *scaled.shape))).astype(np.float32)
    )
    basis = np.linalg.qr(scaled @ (scaled.T @ (scaled @ probe)))[0]
    small = (basis.T @ scaled).astype(np.float64)
    squares = np.maximum(np.linalg.eigvalsh(small @ small.T)[::-1], 0.0)  # faster than singular values
    rows, columns = scaled.shape
    edge = energy / (rows * columns) * (np.sqrt(rows) + np.sqrt(columns)) ** 2
    return np.minimum(np.cumsum(squares) / energy, 1.0), bool(squares[0] > _STANDS_OUT**2 * edge)
