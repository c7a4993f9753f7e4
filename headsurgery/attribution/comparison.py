"""How far rankings of heads agree, beyond chance: rankings of two models, operations, prompt sets or methods.

Overlap: of N heads, random choices of a and b heads share ab/N on average, and at least as many as observed with the hypergeometric
probability. N is all heads of the model, even if a screen let only some be scored, because the best were chosen from all.
Correlation: Spearman's rank correlation over the heads that both scored, against random permutations. The paper (section 5,
Figure 5) shows overlaps without a chance level. Both levels treat all heads alike. If low layers rank high in every model, even
unrelated rankings overlap beyond chance.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import combinations
from math import comb
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from headsurgery.attribution.methods import UNITS
from headsurgery.documents.strict_json import parse_object
from headsurgery.errors import RecipeError, UsageError
from headsurgery.heads import HeadRef
from headsurgery.recipe import Geometry, Recipe, RecipeBase

if TYPE_CHECKING:
    from headsurgery.attribution.scores import ScoreTable

FloatArray = npt.NDArray[np.float64]

_PERMUTATIONS = 9_999
_MAX_MANIFEST_BYTES = 64 * 2**20


@dataclass(frozen=True, kw_only=True)
class Ranking:
    """Heads of one model in order, best first.

    Args:
        name: Its name.
        heads: The ranked heads; all heads of a recipe, or as many as requested of scores.
        shape: Layers and heads per layer; None for a recipe that doesn't state its base's.
        num_heads: Number of heads of the model, from which these were chosen; None like `shape`.
        scores: [layer, head], NaN where there is no score; None for a recipe.
    """

    name: str
    heads: tuple[HeadRef, ...]
    shape: tuple[int, int] | None
    num_heads: int | None
    scores: FloatArray | None = None

    @property
    def num_scored(self) -> int | None:
        """Number of heads with a score; None for a recipe."""
        return None if self.scores is None else int(np.isfinite(self.scores).sum())


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """The comparison of two rankings.

    Args:
        first: Name of the first ranking.
        second: Name of the second ranking.
        sizes: Number of heads in each.
        common: Heads in both, in the first one's order.
        population: Number of heads of the model; None if unknown.
        expected: How many heads random choices share on average; None if `population` is.
        overlap_p: Probability that random choices share at least as many.
        correlation: Spearman's, over all heads with two scores; None without scores.
        correlated: Number of heads with two scores; None without scores.
        correlation_p: Two-sided, from 9,999 permutations; never below 1e-4.
    """

    first: str
    second: str
    sizes: tuple[int, int]
    common: tuple[HeadRef, ...]
    population: int | None
    expected: float | None
    overlap_p: float | None
    correlation: float | None
    correlated: int | None
    correlation_p: float | None

    def to_json(self) -> dict[str, Any]:
        """One entry of the JSON document."""
        return {**asdict(self), "sizes": list(self.sizes), "common": [str(head) for head in self.common]}


def read_ranking(path: Path, top: int) -> Ranking:
    """Read a recipe, or a scores file.

    Args:
        path: A scores file if it ends in `.safetensors`; otherwise a recipe, or an edited checkpoint that contains one.
        top: How many heads of a scores file to use.

    Raises:
        HeadSurgeryError: It is none of these.
    """
    if path.suffix == ".safetensors":
        return _rank_scores(path, top)
    recipe = Recipe.load(path / "recipe.json" if path.is_dir() else path)
    known = recipe.base.geometry or _geometry_in_manifest(path / "headsurgery.json")
    shape, num_heads = None, None
    if known is not None and known.num_layers is not None and known.num_heads is not None:
        stated = known.num_heads
        per_layer = [count or 0 for count in stated] if isinstance(stated, list) else [stated] * known.num_layers
        shape, num_heads = (known.num_layers, max(per_layer, default=0)), sum(per_layer)
    heads = tuple(dict.fromkeys(edit.ref for edit in recipe.edits))
    return Ranking(name=str(path), heads=heads, shape=shape, num_heads=num_heads)


def _geometry_in_manifest(path: Path) -> Geometry | None:
    """What the manifest says about the base of a handwritten recipe; None if there is no manifest or it doesn't say."""
    try:
        with path.open("rb") as stream:
            data = stream.read(_MAX_MANIFEST_BYTES + 1)
        return RecipeBase.model_validate(parse_object(data, max_bytes=_MAX_MANIFEST_BYTES).get("base")).geometry
    except (OSError, ValueError):
        return None


def _rank_scores(path: Path, top: int) -> Ranking:
    from headsurgery.attribution.scores import find_method, ranking_scores, read_scores_file

    arrays, record = read_scores_file(path)
    method = find_method(arrays, record, path)
    scores = ranking_scores(arrays, method, record.get("contrast"))
    return rank_heads(scores, top, name=str(path), num_heads=_count_screened(arrays, record, method))


def rank_scores(table: ScoreTable, top: int, *, name: str) -> Ranking:
    """Rank scores that are in memory.

    Args:
        table: The scores.
        top: How many heads to rank.
        name: The ranking's name.
    """
    record = {} if table.provenance is None else table.provenance.model_dump(exclude_none=True)
    screened = max((_count_screened(table.arrays, record, method) for method in UNITS), default=0)
    return rank_heads(table.combined, top, name=name, num_heads=screened)


def rank_heads(scores: FloatArray, top: int, *, name: str, num_heads: int = 0) -> Ranking:
    """Rank heads by scores [layer, head].

    Args:
        scores: The scores; NaN where there is none.
        top: How many heads to rank.
        name: The ranking's name.
        num_heads: Number of heads of the model, if a screen let only some of them be scored.
    """
    from headsurgery.attribution.scores import best_heads

    shape = (int(scores.shape[0]), int(scores.shape[1]))
    num_heads = max(int(np.isfinite(scores).sum()), num_heads)
    return Ranking(name=name, heads=best_heads(scores, top), shape=shape, num_heads=num_heads, scores=scores)


def _count_screened(arrays: Mapping[str, FloatArray], record: Mapping[str, Any], method: str) -> int:
    """Number of heads of the model if a screen was used, taken from its estimates of all heads. 0 if there was no screen."""
    if f"{method}_screen" in arrays:
        estimates = arrays[f"{method}_screen"]  # [step, layer, head], or [layer, head] of the only step
        return int(np.isfinite(estimates.reshape(-1, *estimates.shape[-2:])[0]).sum())
    screen = record.get("screen")
    counts = [screen.get(key) for key in ("survivors", "screened_out")] if isinstance(screen, Mapping) else []
    return sum(count for count in counts if isinstance(count, int))


def compare_rankings(rankings: Sequence[Ranking], *, seed: int = 0) -> list[Comparison]:
    """Compare every two rankings.

    Args:
        rankings: At least two rankings.
        seed: Seed of the permutations.

    Raises:
        UsageError: There are fewer than two, or their models have heads that can't be matched.
    """
    if len(rankings) < 2:
        raise UsageError("a comparison needs at least two rankings")
    known = [ranking for ranking in rankings if ranking.shape is not None]
    for other in known[1:]:
        if other.shape != known[0].shape:
            first, second = (f"{ranking.name} has {ranking.shape[0]} x {ranking.shape[1]} heads" for ranking in (known[0], other))  # type: ignore[index]
            raise UsageError(f"{first}, {second}: their heads can't be matched", hint="compare models of the same shape")
    if known and known[0].shape is not None:
        for ranking in rankings:
            _check_heads(ranking, known[0].shape, known[0].name)
    return [_compare(first, second, seed) for first, second in combinations(rankings, 2)]


def _check_heads(ranking: Ranking, shape: tuple[int, int], name: str) -> None:
    """Refuse a recipe that doesn't name its model but whose heads show that it belongs to another one."""
    missing = next((head for head in ranking.heads if head.layer >= shape[0] or head.head >= shape[1]), None)
    if missing is not None:
        raise UsageError(
            f"{ranking.name} names {missing}, but {name} has {shape[0]} x {shape[1]} heads: their heads can't be matched",
            hint="compare models of the same shape",
        )


def _compare(first: Ranking, second: Ranking, seed: int) -> Comparison:
    common = tuple(head for head in first.heads if head in second.heads)
    population = max(filter(None, (first.num_heads, second.num_heads)), default=None)
    correlation, correlated, chance = None, None, None
    if first.scores is not None and second.scores is not None:
        both = np.isfinite(first.scores) & np.isfinite(second.scores)
        correlated = int(both.sum())
        correlation, chance = rank_correlation(first.scores[both], second.scores[both], seed=seed)
    sizes = (len(first.heads), len(second.heads))
    return Comparison(
        first=first.name,
        second=second.name,
        sizes=sizes,
        common=common,
        population=population,
        expected=None if population is None else expected_overlap(sizes, population),
        overlap_p=None if population is None else chance_of_overlap(len(common), sizes, population),
        correlation=correlation,
        correlated=correlated,
        correlation_p=chance,
    )


def expected_overlap(sizes: tuple[int, int], population: int) -> float:
    """Heads that random choices of these sizes from a population share on average."""
    return sizes[0] * sizes[1] / population


def chance_of_overlap(common: int, sizes: tuple[int, int], population: int) -> float:
    """Probability that random choices of these sizes from a population share `common` heads or more.

    Raises:
        RecipeError: A choice is larger than the population.
    """
    first, second = sizes
    if max(sizes) > population:
        raise RecipeError(f"{max(sizes)} heads of {population}: a recipe names heads that its base doesn't have")
    ways = sum(comb(first, shared) * comb(population - first, second - shared) for shared in range(common, min(sizes) + 1))
    return ways / comb(population, second)


def rank_correlation(first: FloatArray, second: FloatArray, *, seed: int) -> tuple[float | None, float | None]:
    """Spearman's rank correlation of two score lists [heads], with mean ranks for ties, and its two-sided p-value.

    None if one list is constant or there are fewer than three heads.
    """
    if len(first) < 3:
        return None, None
    one, other = (_centred_ranks(values) for values in (first, second))
    norm = float(np.linalg.norm(one) * np.linalg.norm(other))
    if not norm:
        return None, None
    found = float(one @ other) / norm
    chance = np.random.default_rng(seed)
    extreme = sum(abs(float(one @ chance.permutation(other)) / norm) >= abs(found) - 1e-12 for _ in range(_PERMUTATIONS))
    return found, (1 + extreme) / (1 + _PERMUTATIONS)


def _centred_ranks(values: FloatArray) -> FloatArray:
    _, place, counts = np.unique(values, return_inverse=True, return_counts=True)
    ends = np.cumsum(counts)
    ranks: FloatArray = (ends - (counts - 1) / 2)[place]
    ranks -= ranks.mean()
    return ranks
