"""Parts of prompt sets: what the search for heads does not see, so that its curve can be measured on others; and random halves.

The draw depends on nothing but the number of prompts, so the same sets are always split in the same way. Two sets of one length
that have kept their rows are pairs, and are split row by row. Neighbours: `curve` measures on what is held out,
`stability` repeats the search on halves of what is not.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from random import Random

from headsurgery.errors import UsageError
from headsurgery.prompts import PromptSet

MIN_PROMPTS = 12
"""Prompts of a set below which none are held out unless the user asks for it: a search needs them all."""

MOST_HELD_OUT = 24
"""Prompts that are held out at most unless the user asks for more; each of them is answered once for every group of heads."""


@dataclass(frozen=True, kw_only=True)
class Asked:
    """Prompts as the model reads them.

    Args:
        prompts: The set.
        ids: Token ids of each prompt.
    """

    prompts: PromptSet
    ids: Sequence[Sequence[int]]

    def __len__(self) -> int:
        return len(self.ids)

    def take(self, rows: Iterable[int], *, keeps_rows: bool = False) -> Asked:
        """Some of them.

        Args:
            rows: Their positions.
            keeps_rows: Whether prompt i of the part still belongs to prompt i of another set's.
        """
        rows = list(rows)
        prompts = replace(self.prompts, texts=tuple(self.prompts.texts[row] for row in rows), keeps_rows=keeps_rows)
        return Asked(prompts=prompts, ids=[self.ids[row] for row in rows])


@dataclass(frozen=True, kw_only=True)
class HeldOut:
    """Sets of prompts in two parts.

    Args:
        searched: What the search sees, in the order of the sets.
        harmful: Harmful prompts that it does not see; empty: nothing is held out.
        harmless: Harmless prompts that it does not see; None: there are no harmless prompts.
    """

    searched: tuple[Asked, ...]
    harmful: Asked
    harmless: Asked | None = None

    def __str__(self) -> str:
        """The split, in a line."""
        if not len(self.harmful):
            return (
                "no prompts are held out from the search, so what these heads do to other prompts is not measured; with at least "
                f"{MIN_PROMPTS} harmful and {MIN_PROMPTS} harmless prompts it is"
            )
        parts = [(self.harmful, self.searched[0], "harmful")]
        if self.harmless is not None:
            parts.append((self.harmless, self.searched[1], "harmless"))
        said = " and ".join(f"{len(part)} of {len(part) + len(rest)} {kind}" for part, rest, kind in parts)
        return f"{said} prompts are held out from the search; the curve is of these"


def count_held_out(counts: Sequence[int], wanted: int | None) -> tuple[int, ...]:
    """How many prompts of each set are held out.

    Args:
        counts: Prompts of the harmful set, and of the harmless one where there is one.
        wanted: The user's choice. None: a third of a set that has at least `MIN_PROMPTS`, and at most `MOST_HELD_OUT`.

    Raises:
        UsageError: Nothing would be left for the search.
    """
    if wanted is None:
        found = tuple(min(MOST_HELD_OUT, count // 3) if count >= MIN_PROMPTS else 0 for count in counts)
        return found if found[0] else (0,) * len(counts)  # without refusals there is no curve
    if wanted and wanted >= min(counts):
        raise UsageError(
            f"held out is {wanted}, but a set has {min(counts)} prompts, and the search needs some",
            hint="give more prompts, or a smaller --held-out",
        )
    return (wanted,) * len(counts)


def hold_out(sets: Sequence[Asked], wanted: int | None, *, max_tokens: int) -> HeldOut:
    """Split sets into what the search sees and what it does not see.

    Args:
        sets: Harmful prompts, and harmless ones where there are any.
        wanted: See `count_held_out`.
        max_tokens: Tokens that a held-out prompt may have, so that its answer fits into the model's context.

    Raises:
        UsageError: See `count_held_out`.
    """
    counts = count_held_out([len(asked) for asked in sets], wanted)
    if not any(counts):
        parts = [asked.take(()) for asked in sets]
        return HeldOut(searched=tuple(sets), harmful=parts[0], harmless=parts[1] if len(parts) > 1 else None)
    are_pairs = _are_pairs(sets)
    fitting = [{row for row, ids in enumerate(asked.ids) if len(ids) <= max_tokens} for asked in sets]
    if are_pairs:
        fitting = [set.intersection(*fitting)] * len(sets)
    drawn = [_draw(len(asked), rows, count) for asked, rows, count in zip(sets, fitting, counts, strict=True)]
    searched = tuple(
        asked.take((row for row in range(len(asked)) if row not in rows), keeps_rows=are_pairs)
        for asked, rows in zip(sets, drawn, strict=True)
    )
    parts = [asked.take(rows) for asked, rows in zip(sets, drawn, strict=True)]
    return HeldOut(searched=searched, harmful=parts[0], harmless=parts[1] if len(parts) > 1 else None)


def draw_half(sets: Sequence[Asked], number: int) -> tuple[Asked, ...]:
    """A random half of each set, rounded up; pairs stay together.

    Args:
        sets: Harmful prompts, and harmless ones where there are any.
        number: Of the draw: another number draws another half, and the same number always the same.
    """
    are_pairs = _are_pairs(sets)
    return tuple(asked.take(half_of(len(asked), number), keeps_rows=are_pairs) for asked in sets)


def half_of(count: int, number: int) -> list[int]:
    """Rows of a random half of so many, rounded up. Sets of one length get the same rows, so that pairs stay together."""
    return _draw(count, set(range(count)), -(-count // 2), seed=f"half {number}")


def _are_pairs(sets: Sequence[Asked]) -> bool:
    """Whether prompt i of one set belongs to prompt i of the other."""
    return len(sets) > 1 and len(sets[0]) == len(sets[1]) and all(asked.prompts.keeps_rows for asked in sets)


def _draw(total: int, fitting: set[int], count: int, *, seed: int | str = 0) -> list[int]:
    """Rows of a set, drawn without a pattern, in order. `Random.random` is the one draw that Python promises never to change."""
    chance = Random(seed)
    keys = [chance.random() for _ in range(total)]
    return sorted(sorted(fitting, key=keys.__getitem__)[:count])
