"""How far a screened ranking can be trusted: what a random sample of the screened-out heads says about the rest of them.

A head is *missed* if it belongs to the exact top k but was neither a survivor nor sampled. Every missed head beats the k-th best
survivor. So let D be the number of the M screened-out heads that beat it. The survivors are fixed before the sample is drawn, so
the number x of the n sampled heads that beat it is hypergeometric, whatever the scores are, and the Clopper-Pearson method gives
the largest D that is not refuted at 95 %. The sampled heads join the ranking, so at most D - x heads are missed:

    recall = share of the exact top k that was scored  >=  1 - (D_upper - x) / k      in at least 95 % of the samples.

Nothing is assumed about the screen or the scores. The price is a cautious bound: with x = 0 it exceeds 0 only if more than
1 - 0.05^(1/k) of the screened-out heads are sampled (a quarter of them for k = 10).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import comb

_DOUBT = 0.05
_ROUNDING = 1e-9

_TELLING, _USEFUL = 0.5, 0.8
"""A bound below the first is useless and is not stated as a result. Instead, the sample that the second would need is stated."""


@dataclass(frozen=True, kw_only=True)
class Account:
    """What the sample says about one ranking.

    Args:
        k: Length of the ranking.
        survivors: Number of heads that the screen selected.
        screened_out: Number of the other heads, M.
        sampled: How many of these were scored exactly, n.
        beating: How many of the sampled heads beat the k-th best survivor, x.
    """

    k: int
    survivors: int
    screened_out: int
    sampled: int
    beating: int

    @classmethod
    def of(cls, survivors: Sequence[float], sampled: Sequence[float], *, screened_out: int, k: int) -> Account:
        """From exact scores.

        Args:
            survivors: Exact scores of all survivors.
            sampled: Exact scores of the sample.
            screened_out: Number of heads from which the sample was drawn.
            k: Length of the ranking, at most the number of survivors.
        """
        k = min(k, len(survivors))
        bar = sorted(survivors, reverse=True)[k - 1]
        beating = sum(score > bar for score in sampled)
        return cls(k=k, survivors=len(survivors), screened_out=screened_out, sampled=len(sampled), beating=beating)

    @property
    def recall(self) -> float:
        """Estimated share of the exact top k that was scored, if the rest beats the k-th survivor as often as the sample does."""
        rest = self.screened_out - self.sampled
        share = self.beating / self.sampled if self.sampled else float(rest > 0)
        return max(0.0, 1 - share * rest / self.k)

    @property
    def most_beating(self) -> int:
        """D_upper: upper 95 % bound on the number of screened-out heads that beat the k-th best survivor."""
        return most_marked(self.screened_out, self.sampled, self.beating)

    @property
    def recall_at_least(self) -> float:
        """95 % lower bound of the recall."""
        return max(0.0, 1 - (self.most_beating - self.beating) / self.k)

    def sample_for(self, recall: float) -> int:
        """The smallest sample that would bound the recall at this value if no more of its heads beat the k-th survivor than now.

        Args:
            recall: The bound, at most 1.
        """
        allowed = int(self.k * (1 - recall) + _ROUNDING)  # heads that may be missed

        def is_enough(drawn: int) -> bool:
            return most_marked(self.screened_out, drawn, self.beating) - self.beating <= allowed

        return next(drawn for drawn in range(self.sampled, self.screened_out + 1) if is_enough(drawn))

    def __str__(self) -> str:
        heads = self.survivors + self.screened_out
        text = f"screened: {self.survivors} of {heads} heads scored exactly"
        if not self.screened_out:
            return text
        if not self.sampled:
            return (
                f"{text}; nothing is known about the {self.screened_out} others, because none was drawn to be scored: add --sample"
            )
        drawn = f"{text}, and {self.sampled} of the {self.screened_out} others, drawn at random: {self.beating or 'none'} of these "
        drawn += f"{'beat' if self.beating > 1 else 'beats'} place {self.k} of the {self.survivors}"
        if self.recall_at_least >= _TELLING:
            return (
                f"{drawn}. At most {self.most_beating} of all {self.screened_out} do (95 %): recall of the top {self.k} is about "
                f"{self.recall:.2f}, and at least {self.recall_at_least:.2f} (95 %)"
            )
        return (
            f"{drawn}. So few can't bound what the screen missed. To bound the recall of the top {self.k} at {_USEFUL:g} (95 %), "
            f"score {self.sample_for(_USEFUL)} of them: --sample {self.sample_for(_USEFUL)}, if no more of these beat it"
        )


def most_marked(population: int, drawn: int, marked: int) -> int:
    """Upper 95 % bound on the number of marked items in a population, given a draw without replacement.

    Args:
        population: Size of the population.
        drawn: How many items were drawn.
        marked: How many of these are marked.
    """
    ways = comb(population, drawn)
    most = marked
    while most < population - drawn + marked:
        number = most + 1
        at_most = sum(comb(number, seen) * comb(population - number, drawn - seen) for seen in range(marked + 1))
        if at_most <= _DOUBT * ways:
            break
        most = number
    return most
