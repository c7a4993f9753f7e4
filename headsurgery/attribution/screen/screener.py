"""Select the heads that are scored exactly: those with the best estimates, and a random sample of the others for the account.

Half of the survivors have the best estimates of the score itself, the other half the largest effects (`estimates`). A control
counts with half its weight in the estimate. Its estimate is so rough that the full weight would drop heads that belong to the best.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import chain, groupby
from typing import TYPE_CHECKING

import numpy as np
import torch

from headsurgery.attribution.scores import FloatArray, best_heads, combine, spread_over_heads
from headsurgery.attribution.screen.account import Account
from headsurgery.attribution.screen.estimates import Estimates, estimate_divergence, estimate_drop, estimate_shift
from headsurgery.engine.calls import run_model
from headsurgery.engine.task import SweepTask
from headsurgery.errors import UsageError, not_finite
from headsurgery.heads import AttentionGeometry, HeadRef
from headsurgery.model.hooks import RowEdit, row_edits
from headsurgery.model.modules import ModuleMap

if TYPE_CHECKING:
    from headsurgery.attribution.settings import Settings

RANKING = 10
"""Length of the ranking that the account describes, k."""


@dataclass(frozen=True, kw_only=True)
class Screening:
    """How many heads are scored exactly.

    Args:
        survivors: How many heads are selected. None: 40, or an eighth of all heads if that is more. If the ranking reads refusals
            or weighs a control, half as many again, because the estimates are rougher (docs/screening.md).
        sample: How many other heads are drawn at random.
        seed: Seed of the sample and of the estimates' sketch.

    Raises:
        UsageError: There are no survivors, or the sample's size is negative.
    """

    survivors: int | None = None
    sample: int = 10
    seed: int = 0

    def __post_init__(self) -> None:
        if self.survivors is not None and self.survivors < 1:
            raise UsageError(f"survivors is {self.survivors}, expected at least 1")
        if self.sample < 0:
            raise UsageError(f"sample is {self.sample}, expected 0 or more")

    def count(self, geometry: AttentionGeometry, *, rough: bool) -> int:
        """Number of survivors among a model's heads. `rough`: the estimates for this ranking are rougher."""
        usual = max(40, -(-geometry.num_heads_in_all // 8))
        return self.survivors or (usual * 3 // 2 if rough else usual)


@dataclass(frozen=True, kw_only=True)
class Selection:
    """The heads to score exactly.

    Args:
        survivors: The selected heads.
        sampled: Other heads, drawn at random.
        screened_out: How many heads were not selected, including the sampled ones.
    """

    survivors: tuple[HeadRef, ...]
    sampled: tuple[HeadRef, ...]
    screened_out: int

    @property
    def heads(self) -> tuple[HeadRef, ...]:
        """All heads to score, sorted."""
        return tuple(sorted((*self.survivors, *self.sampled)))

    def account(self, scores: FloatArray) -> Account:
        """What the exact scores [layer, head] say about the heads without scores."""
        survivors, sampled = ([float(scores[head.layer, head.head]) for head in heads] for heads in (self.survivors, self.sampled))
        return Account.of(survivors, sampled, screened_out=self.screened_out, k=RANKING)


def screener_of(modules: ModuleMap | None, settings: Settings) -> Screener | None:
    """The screener that an attribution asks for; None: it scores all heads."""
    if settings.screen is None:
        return None
    assert modules is not None  # `Settings.check_engine` has checked it
    return Screener(modules, settings.screen, rough=settings.is_rough_to_screen)


class Screener:
    """Screens the heads of a model.

    Args:
        modules: The model.
        screening: How many heads are selected.
        rough: See `Screening.count`.

    Raises:
        ModelError: From its estimates: gradients are not finite, or memory is too small for a single query.
    """

    def __init__(self, modules: ModuleMap, screening: Screening, *, rough: bool) -> None:
        self._modules, self._screening = modules, screening
        self._count = screening.count(modules.geometry, rough=rough)
        self._chance = np.random.default_rng(screening.seed)

    @property
    def num_scored(self) -> int:
        """Number of heads in the first selection."""
        return min(self._modules.geometry.num_heads_in_all, self._count + self._screening.sample)

    def divergence(self, task: SweepTask, weights: FloatArray) -> Estimates:
        """See `estimate_divergence`. As arrays [layer, head], NaN for heads that are not in the task."""
        return self._spread(task, estimate_divergence(self._modules, task, weights, seed=self._screening.seed))

    def drop(self, task: SweepTask, targets: Sequence[Sequence[int]], weights: FloatArray) -> Estimates:
        """See `estimate_drop`; [layer, head]."""
        return self._spread(task, estimate_drop(self._modules, task, targets, weights, seed=self._screening.seed))

    def shift(self, task: SweepTask, r_main: int) -> Estimates:
        """See `estimate_shift`; [layer, head]."""
        untouched = self._states(task, edited=False)
        states = self._states(task, edited=True) if task.group else untouched
        return self._spread(task, estimate_shift(self._modules, task, untouched, states, r_main, seed=self._screening.seed))

    def select(
        self, harmful: Estimates, harmless: Estimates | None, contrast: float | None, *, keep: Iterable[HeadRef] | None = None
    ) -> Selection:
        """Select heads.

        Args:
            harmful: Estimates [layer, head].
            harmless: The same on the control.
            contrast: Weight of the control.
            keep: For later steps of a search: heads that are always selected; no sample is drawn then. None: the first step.
        """
        by_score = combine(harmful.score, None if harmless is None else harmless.score, (contrast or 0.0) / 2)
        lists = [best_heads(scores, self._count) for scores in (by_score, harmful.divergence)]
        survivors = list(dict.fromkeys(chain.from_iterable(zip(*lists, strict=True))))[: self._count]
        if keep is not None:
            survivors = list(dict.fromkeys((*survivors, *keep)))
        others = [head for head in best_heads(by_score, by_score.size) if head not in survivors]
        drawn = self._chance.choice(len(others), min(self._screening.sample, len(others)), replace=False) if keep is None else ()
        sampled = tuple(others[place] for place in drawn)
        return Selection(survivors=tuple(sorted(survivors)), sampled=tuple(sorted(sampled)), screened_out=len(others))

    def _spread(self, task: SweepTask, found: Estimates) -> Estimates:
        if not np.isfinite(found).all():
            dtype = self._modules.facts.dtype
            raise not_finite("gradients are not finite", dtype)
        return Estimates(*(spread_over_heads(self._modules.geometry, task.heads, values) for values in found))

    @torch.inference_mode()
    def _states(self, task: SweepTask, *, edited: bool) -> torch.Tensor:
        """Final states at the last position, with the group's edits or without, [queries, hidden_size], on the CPU."""
        lengths = [len(query) for query in task.queries]
        found: dict[int, torch.Tensor] = {}
        with row_edits(self._modules, [RowEdit(edit=edit) for edit in task.group if edited]):
            for _, alike in groupby(sorted(range(len(lengths)), key=lengths.__getitem__), key=lengths.__getitem__):
                rows = list(alike)
                tokens = torch.tensor([list(task.queries[row]) for row in rows], device=self._modules.device)
                found |= zip(rows, run_model(self._modules, tokens, tail=1, want_logits=False).states[:, -1].cpu(), strict=True)
        return torch.stack([found[row] for row in range(len(lengths))])
