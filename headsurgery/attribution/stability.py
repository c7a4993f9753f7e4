"""Stability: are the same heads chosen again on other prompts?

Heads are chosen again on random halves of the prompts that the search saw, as many each time as the recipe has. A method whose
scores are those of each prompt (`Method.is_per_prompt`) needs no run of the model for that. Any other method searches again, with
another seed each time where it draws something. For each head of the recipe it is counted in how many groups it is. Two groups of k
of the N heads of a model share k * k / N heads on average by chance, which is the mean of the hypergeometric distribution.

Two halves have half of their prompts in common on average, so groups agree more than they would on prompts that are all new.
Neighbours: `holding_out` draws the halves, `groups` says what a group of a given size is, `comparison` compares whole rankings.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import combinations
from statistics import fmean

from headsurgery.attribution.comparison import expected_overlap
from headsurgery.attribution.groups import heads_of_size
from headsurgery.attribution.holding_out import Asked, draw_half, half_of
from headsurgery.attribution.method import Queries, Scoring
from headsurgery.attribution.scores import ScoreTable, best_heads, ranking_scores
from headsurgery.attribution.screen.screener import screener_of
from headsurgery.attribution.settings import Settings
from headsurgery.engine.journal import recall_or_make
from headsurgery.errors import NothingToFindError, UsageError
from headsurgery.heads import HeadRef
from headsurgery.progress import StageProgress
from headsurgery.recipe import ResampledHead, Stability

MIN_PROMPTS = 4
"""Prompts of a set that the search must see at least, or its halves are hardly different sets."""

Half = Sequence[Queries]
"""Token ids of half of each set."""


def draw_halves(searched: Sequence[Asked], settings: Settings) -> list[Half]:
    """The prompts of each resample; none if there are to be none.

    Args:
        searched: What the search sees.
        settings: The choices of the attribution.

    Raises:
        UsageError: The user wants resamples, but a set is too small to be halved, or the method can't score heads with a half.
    """
    fewest = min(map(len, searched))
    if not settings.resamples or settings.searches or (fewest < MIN_PROMPTS and not settings.chosen.resamples):
        return []
    if fewest < MIN_PROMPTS:
        raise UsageError(
            f"resamples are halves of the prompts, but the search sees only {fewest} of a set, expected at least {MIN_PROMPTS}",
            hint="give more prompts, or a smaller --held-out",
        )
    drawn = [draw_half(searched, number) for number in range(settings.resamples)]
    for half in drawn:
        settings.method.check_prompts([part.prompts for part in half], settings.own)
    return [[part.ids for part in half] for half in drawn]


def measure_stability(
    scoring: Scoring,
    scores: ScoreTable,
    halves: Sequence[Half],
    heads: Sequence[HeadRef],
    *,
    on_progress: StageProgress | None = None,
) -> Stability | None:
    """Choose heads again on halves of the prompts.

    Args:
        scoring: The search. Its journal keeps the groups that are found.
        scores: What it found.
        halves: The prompts of each resample.
        heads: Of the recipe.
        on_progress: Called with resamples done and in all, where the search runs again.

    Returns:
        The counts; None if there are no resamples, or if none found anything and nobody asked for them.

    Raises:
        HeadSurgeryError: A search fails, for any other reason than that a half gives it nothing to find.
    """
    heads = list(dict.fromkeys(heads))
    if not halves or not heads:
        return None
    if scoring.settings.method.is_per_prompt:
        found = [choose_again(scores, scoring.settings, number, len(heads)) for number in range(len(halves))]
    else:
        found = _search_again(scoring, halves, len(heads), on_progress)
    if not any(found) and not scoring.settings.chosen.resamples:
        return None
    return count_heads(found, heads, population=scoring.sweeper.geometry.num_heads_in_all)


def count_heads(found: Sequence[Sequence[HeadRef]], heads: Sequence[HeadRef], *, population: int) -> Stability:
    """Count in how many groups each head is, and what two groups have in common.

    Args:
        found: The group of each resample; empty: there was nothing to find.
        heads: Of the recipe.
        population: Heads of the model.
    """
    groups = [frozenset(group) for group in found if group]
    pairs = list(combinations(groups, 2))
    common = [len(one & other) / len(heads) for one, other in pairs]
    chance = [expected_overlap((len(one), len(other)), population) / len(heads) for one, other in pairs]
    return Stability(
        resamples=len(groups),
        empty=len(found) - len(groups),
        heads=tuple(
            ResampledHead(layer=head.layer, head=head.head, chosen=sum(head in group for group in groups)) for head in heads
        ),
        overlap=fmean(common) if pairs else None,
        overlap_by_chance=fmean(chance) if pairs else None,
    )


def choose_again(scores: ScoreTable, settings: Settings, number: int, size: int) -> tuple[HeadRef, ...]:
    """The best heads by the scores of half of the prompts that were scored; none if these are too few.

    Args:
        scores: With the scores of each prompt, [prompt, layer, head].
        settings: The choices of the attribution.
        number: Of the half.
        size: How many heads.
    """
    name = settings.method.name
    whole = {key: scores.arrays[key] for key in (name, f"{name}_harmless") if key in scores.arrays}  # [prompt, layer, head]
    if min(map(len, whole.values())) < MIN_PROMPTS:
        return ()
    halves = {key: array[half_of(len(array), number)] for key, array in whole.items()}
    return best_heads(ranking_scores(halves, name, scores.contrast), size)


def _search_again(
    scoring: Scoring, halves: Sequence[Half], size: int, on_progress: StageProgress | None
) -> list[tuple[HeadRef, ...]]:
    """The group of each resample."""
    found = []
    for number, half in enumerate(halves):
        if on_progress is not None:
            on_progress(number, len(halves))
        again = replace(scoring, settings=scoring.settings.reseeded(number + 1), queries=half, on_progress=None)
        found.append(_find_group(again, size))
    if on_progress is not None:
        on_progress(len(halves), len(halves))
    return found


def _find_group(scoring: Scoring, size: int) -> tuple[HeadRef, ...]:
    """The group of a resample, out of the journal or found anew; empty if there is nothing to find."""
    settings, journal = scoring.settings, scoring.sweeper.journal
    trial = (settings.method.name, settings.operation, settings.factor, settings.intent)
    key = ("resample", size, *trial, settings.own, settings.screen, settings.contrast, settings.answer_tokens, scoring.queries)

    def find() -> list[str]:
        try:
            again = replace(scoring, screener=screener_of(scoring.modules, settings))
            return [str(head) for head in heads_of_size(settings.method.score(again, settings.own), size)]
        except NothingToFindError:
            return []

    return tuple(map(HeadRef.parse, recall_or_make(journal, key, find)))
