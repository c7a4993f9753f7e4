"""Describe the change of a matrix: its rank, zeros, levels, factors for each row or column, or none of these.

The description says what can be seen and what usually causes it. Several causes may look alike. Neighbour: `against`.
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
"""Share of a change's energy, rounding aside, that a low rank must hold."""
_SHOWN = 16
"""Number of directions whose share is reported if the rank is not low."""
_STANDS_OUT = 1.5
"""How far a direction must lie above the largest one of noise of the same energy (L2)."""
_MOST_ELEMENTS = 2**25
"""Of a larger matrix, only evenly spaced rows are examined."""
_LARGE = 0.3
"""Relative size of a change. Above it, weights were mixed or replaced, not just trained further."""
_FEW = 0.01
"""Share of the values. If fewer changed, most by one step, their directions say nothing."""
_PER_LINE = 0.2
"""Share of the change (L2) that a factor for each line may leave unexplained."""


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


@np.errstate(over="ignore", invalid="ignore")  # inf and nan may be in a stranger's weights
def describe_change(before: Matrix, after: Matrix) -> str:
    """What a change looks like.

    Args:
        before: [rows, columns], of a stored type.
        after: Of the same shape, maybe of another type.
    """
    x, y = before.astype(np.float32), after.astype(np.float32)
    if not (np.isfinite(x).all() and np.isfinite(y).all()):
        return "a change with inf or nan in it or before it"
    change = y - x
    energy = _energy(change)
    relative = float(np.sqrt(energy / max(_energy(x), 1e-300)))
    looks = _looks(before, after, change) or _describe_rank(change, relative, _rounding_of(after))
    return f"a change of {relative:.2g} of its norm, {looks}"


def _rounding_of(stored: Matrix) -> float:
    """Squared norm that rounding leaves at most: a twelfth of a step squared for each value."""
    return float((steps_of(_stored(stored)) ** 2).sum() / 12)


def _energy(values: Matrix) -> float:
    return float((values.astype(np.float64) ** 2).sum())


def _stored(values: Matrix) -> Matrix:
    """Values in the narrowest type that holds them: a float32 file may come from a 16-bit one."""
    if values.dtype == np.float32:
        for narrow in NARROW:
            small = values.astype(narrow)
            if np.array_equal(small.astype(np.float32), values):
                return small
    return values


def _looks(before: Matrix, after: Matrix, change: Matrix) -> str | None:
    """What is no matter of rank."""
    changed = change != 0
    count = int(changed.sum())
    zeroed = int((changed & (after == 0)).sum())
    if count and zeroed == count:
        return f"{zeroed / changed.size:.2g} of its values became 0 and the others are as they were, as pruning leaves it"
    for narrow in NARROW:
        if before.dtype.itemsize > 2 and np.array_equal(before.astype(narrow).astype(np.float32), after.astype(np.float32)):
            return f"the same values rounded to {_NAMES[narrow.name]}"
    return _find_levels(before, after) or _find_line_factors(before, after, change)


_NAMES = {"bfloat16": "BF16", "float16": "F16"}


def _find_levels(before: Matrix, after: Matrix) -> str | None:
    """Few different values in each stretch of a row, or a grid of them, which the base didn't have: a quantization."""
    chance = np.random.default_rng(0)
    rows, columns = after.shape
    if columns >= _GROUP:
        places = list(zip(chance.integers(0, rows, 100).tolist(), chance.integers(0, columns // _GROUP, 100).tolist(), strict=True))
        groups = [[values[row, _GROUP * place : _GROUP * (place + 1)] for row, place in places] for values in (before, after)]
        was, now = (float(np.median([len(np.unique(group)) for group in each])) for each in groups)
        if now <= 16 and was > 20:
            return f"with at most {now:.0f} different values in each {_GROUP}, as quantizing to 4 bits or fewer leaves it"
        if all(float(np.mean([_is_on_grid(group) for group in each])) == share for each, share in zip(groups, (0.0, 1.0))):
            return f"with a grid of 8 bits in each {_GROUP} values, as quantizing to 8 bits leaves it"
    if columns > 256:
        chosen = chance.integers(0, rows, 50)
        was, now = (float(np.median([len(np.unique(values[row])) for row in chosen])) for values in (before, after))
        if now <= 256 and was > 1.3 * now:
            return f"with about {now:.0f} different values in each row where there were {was:.0f}, as quantizing leaves it"
    return None


_GROUP = 32
"""The smallest stretch of values that usual quantizations give a scale of its own."""


def _is_on_grid(group: Matrix) -> bool:
    """Whether values are multiples of 1/127 of the largest; only types finer than bfloat16 can show it."""
    values = np.abs(group.astype(np.float64))
    if (group.dtype.itemsize == 2 and group.dtype != np.float16) or not values.any():
        return False
    multiples = values / (values.max() / 127)
    return bool((np.abs(multiples - np.round(multiples)) < 0.1).all())


def _find_line_factors(before: Matrix, after: Matrix, change: Matrix) -> str | None:
    """Describe a factor for all values, or one for each row or column, that explains the change."""
    x, y = before.astype(np.float64), after.astype(np.float64)
    energy, power = _energy(change), float((x * x).sum())
    if not energy or not power or min(x.shape) < 8:
        return None
    factor = float((x * y).sum() / power)
    whole = _energy(y - factor * x)
    if whole <= _PER_LINE**2 * min(energy, _energy(y)):
        if whole <= 2 * (_rounding_of(before) + _rounding_of(after)):
            return f"{_show_factor(factor)} times what it was, but for rounding"
        return f"about {_show_factor(factor)} times what it was, and a little more"
    for axis, line in ((0, "column"), (1, "row")):
        if residual_per_line(x, y, axis) <= _PER_LINE**2 * min(energy, _energy(y)):
            return f"each {line} times a factor of its own, as folding a norm into it or undoing one leaves it"
    return None


def _show_factor(factor: float) -> str:
    """Four digits; of a factor very close to 1 as many as tell it from 1."""
    return next((shown for digits in (4, 6, 8) if float(shown := f"{factor:.{digits}g}") != 1), "1")


def _describe_rank(change: Matrix, relative: float, rounding: float) -> str:
    held, stands_out = _spectrum(change)
    energy = _energy(change)
    rank = _rank_of(held, rounding / energy, change.shape) if energy > 2 * rounding else None
    if rank is not None:
        return f"of rank {rank}, which holds {held[rank - 1]:.1%} of its energy"
    count = int(np.count_nonzero(change))
    if count <= _FEW * change.size and relative <= _LARGE:
        return f"in {count} of its {change.size} values only, as a few steps of training, weak noise or rounding leaves it"
    share = f"its {min(_SHOWN, len(held))} largest directions hold {held[min(_SHOWN, len(held)) - 1]:.0%} of its energy"
    if relative > _LARGE:
        cause = "merging with another model, or other weights in its place,"
    else:
        cause = "fine-tuning" if stands_out else "a few steps of training, noise, rounding or a merge"
    return f"of no low rank, as {cause} leaves it ({share})"


@np.errstate(over="ignore", invalid="ignore")
def low_rank_of(before: Matrix, after: Matrix) -> int | None:
    """See `low_rank`; of a matrix before and after, stored as they are."""
    change = after.astype(np.float32) - before.astype(np.float32)
    return low_rank(change, rounding=_rounding_of(after)) if np.isfinite(change).all() else None


def low_rank(change: npt.NDArray[np.float32], *, rounding: float) -> int | None:
    """The smallest rank, 128 and half of the shorter side at most, that holds the change but for rounding; None if there is none.

    Args:
        change: [rows, columns].
        rounding: Squared norm of what rounding alone may have left.
    """
    energy = _energy(change)
    if not 2 * rounding < energy < np.inf:
        return None
    return _rank_of(_spectrum(change)[0], rounding / energy, change.shape)


def _rank_of(held: npt.NDArray[np.float64], rounding: float, shape: tuple[int, ...]) -> int | None:
    """From shares of the energy that the largest directions hold, and that of rounding.

    A rank above a quarter of the shorter side must show a gap: half of all directions hold nearly everything of many a change.
    """
    enough = np.flatnonzero(held[: min(shape) // 2][:_MAX_RANK] >= _KEPT * (1 - rounding))
    if not len(enough):
        return None
    rank = int(enough[0]) + 1
    own, following = (np.diff(held, prepend=0.0, append=1.0)[place] for place in (rank - 1, rank))
    return rank if rank <= min(shape) // 4 or following < _GAP * own else None


_GAP = 0.05
"""Energy of the next direction, relative to the last one that counts."""


def _spectrum(change: Matrix) -> tuple[npt.NDArray[np.float64], bool]:
    """Shares of the energy that the 1, 2, ... largest directions hold together, and whether the largest is more than noise has.

    Randomised (Halko, Martinsson and Tropp 2011, algorithm 4.4, one power iteration); noise by the edge of Marchenko and Pastur.
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
    squares = np.maximum(np.linalg.eigvalsh(small @ small.T)[::-1], 0.0)  # quicker than singular values
    rows, columns = scaled.shape
    edge = energy / (rows * columns) * (np.sqrt(rows) + np.sqrt(columns)) ** 2
    return np.minimum(np.cumsum(squares) / energy, 1.0), bool(squares[0] > _STANDS_OUT**2 * edge)
