"""Interchange: the heads that decide between a refused prompt and its harmless look-alike (arXiv 2604.04385).

The model answers both prompts of a pair. Where its two answers part, at the first token that differs, stand two tokens: one begins
the refusal, the other the harmless answer. A head's z is taken from the one run and put into the other, and the log-odds of the
refusal's token against the answer's are read anew. What harmless z takes from them after the harmful prompt says whether the head
is needed. What harmful z brings to them after the harmless prompt says whether it is enough. A head that speaks by silence (its z
is near 0 where the model refuses) shows in both, while ablating it changes nothing.

Two prompts are comparable position by position only where they are the same, counted from the end. So z is swapped at the last
positions: the ending that all prompts have in common, which is what the template writes behind the question, and the tokens with
which both answers begin. What a head puts out within the question is not swapped.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from headsurgery.attribution.refusal import find_refusals
from headsurgery.attribution.scores import ScoreTable, best_heads, combine, score_heads, spread_over_heads
from headsurgery.behaviour.reading import AnswerReader
from headsurgery.edits.operations import OperationName
from headsurgery.edits.operations.scale import Scale
from headsurgery.engine.measures import PreferenceDrop
from headsurgery.engine.sweep import Sweeper
from headsurgery.engine.task import Engine, InterchangeTask, SweepTask
from headsurgery.errors import NothingToFindError
from headsurgery.heads import HeadRef
from headsurgery.judges.keyword import find_refusal
from headsurgery.progress import StageProgress, share_progress
from headsurgery.recipe import HeadEdit

Ids = tuple[int, ...]
"""Token ids."""


@dataclass(frozen=True, kw_only=True)
class Pair:
    """A prompt that is refused and its look-alike that is answered.

    Args:
        harmful: What the model reads: the prompt, and what both answers begin with.
        harmless: The same of the look-alike.
        refusal: The token with which the refusal goes on.
        answer: The token with which the harmless answer goes on.
        begun: Tokens with which both answers begin.
    """

    harmful: Ids
    harmless: Ids
    refusal: int
    answer: int
    begun: int = 0


@dataclass(frozen=True, kw_only=True)
class Pairs:
    """What a model makes of pairs of prompts.

    Args:
        found: Pairs of which it refuses one and answers the other.
        total: Pairs in all.
        refused: Of their harmful prompts.
        both: Of these, pairs whose look-alike is refused as well.
        thinking: Pairs whose answers part within thoughts, or not at all.
    """

    found: tuple[Pair, ...]
    total: int
    refused: int
    both: int
    thinking: int

    def say(self) -> str:
        """How many pairs are scored, and why not all."""
        left_out = {
            f"{self.both} harmless prompts are refused as well": self.both,
            f"{self.thinking} pairs part within thoughts, or not at all": self.thinking,
        }
        why = "".join(f"; {reason}" for reason, count in left_out.items() if count)
        refuses = f"the model refuses {self.refused} of {self.total} harmful prompts"
        return f"{refuses}; {len(self.found)} pairs of a refused and an answered prompt are scored{why}"


def interchange(
    sweeper: Sweeper,
    reader: AnswerReader,
    harmful: Sequence[Sequence[int]],
    harmless: Sequence[Sequence[int]],
    *,
    operation: OperationName,
    factor: float,
    top: int,
    contrast: float | None,
    answer_tokens: int,
    on_progress: StageProgress | None = None,
) -> tuple[ScoreTable, tuple[str, ...]]:
    """Score all heads and choose the best.

    Args:
        sweeper: Runs the model, and lets it answer.
        reader: Reads its answers.
        harmful: Token ids of the harmful prompts.
        harmless: Token ids of their look-alikes, one by one.
        operation: The edit by which the chosen heads are ablated.
        factor: Its factor.
        top: Heads to choose.
        contrast: Weight of what harmful z brings to harmless prompts; 1: as much as what harmless z takes from refusals.
        answer_tokens: New tokens among which a refusal is looked for.
        on_progress: Called with (head, query) pairs done and in all.

    Returns:
        The scores, with arrays `interchange` and `interchange_harmless` [pair, layer, head] in nats, and notes for the user.

    Raises:
        NothingToFindError: No pair of a refused and an answered prompt.
    """
    pairs = find_pairs(sweeper.engine, reader, harmful, harmless, tokens=answer_tokens)
    if not pairs.found:
        raise _nothing_to_compare(pairs)
    swapped = count_swapped(pairs.found, [*harmful, *harmless])
    runs = [(pair.harmful, pair.harmless) for pair in pairs.found], [(pair.harmless, pair.harmful) for pair in pairs.found]
    reports = share_progress([len(run) * sweeper.geometry.num_heads_in_all for run in runs], on_progress)
    drops, preferences = [], []
    for run, report in zip(runs, reports, strict=True):
        task = swap_task(sweeper, run, pairs.found, swapped)
        found, base = sweeper.sweep(task, report)  # [heads, pairs, 1] and [pairs, 1]
        assert base is not None  # the measure keeps it
        drops.append(spread_over_heads(sweeper.geometry, task.heads, found[:, :, 0].T))
        preferences.append(float(base.mean()))
    taken, brought = (scores.mean(axis=0) for scores in drops)
    chosen = best_heads(combine(taken, brought, contrast), top)
    edits = [HeadEdit(layer=head.layer, head=head.head, operation=operation, factor=factor) for head in chosen]
    refused = [prompt for prompt, _, _ in find_refusals(sweeper.engine, reader, harmful, edits, tokens=answer_tokens).found]
    table = ScoreTable(
        arrays={"interchange": drops[0], "interchange_harmless": drops[1]},
        harmful=taken,
        harmless=brought,
        contrast=contrast,
        chosen=score_heads(chosen, taken, brought, contrast),
        doubts=(*_doubt_effect(pairs, len(refused)), *_doubt_pairs(harmful, harmless)),
    )
    return table, (pairs.say(), _say_runs(preferences, swapped), _say_effect(chosen, len(refused), pairs))


def find_pairs(
    engine: Engine,
    reader: AnswerReader,
    harmful: Sequence[Sequence[int]],
    harmless: Sequence[Sequence[int]],
    *,
    tokens: int,
) -> Pairs:
    """Let the model answer, and see of which pairs it refuses one prompt and answers the other.

    Args:
        engine: Lets the model answer.
        reader: Reads its answers.
        harmful: Token ids.
        harmless: Token ids of their look-alikes, one by one.
        tokens: New tokens of each answer at most.
    """
    found: list[Pair] = []
    refused = both = thinking = 0
    answers = [engine.complete(prompts, tokens=tokens) for prompts in (harmful, harmless)]
    for prompts, own in zip(zip(harmful, harmless, strict=True), zip(*answers, strict=True), strict=True):
        is_refused, is_over_refused = (find_refusal(reader.split(answer).reply) is not None for answer in own)
        refused += is_refused
        both += is_refused and is_over_refused
        if not is_refused or is_over_refused:
            continue
        place = next((place for place, (one, other) in enumerate(zip(*own, strict=False)) if one != other), None)
        if place is None or any(_is_thought(reader, answer, place) for answer in own):
            thinking += 1
            continue
        begun = tuple(own[0][:place])
        ids = [(*prompt, *begun) for prompt in prompts]
        found.append(Pair(harmful=ids[0], harmless=ids[1], refusal=own[0][place], answer=own[1][place], begun=place))
    return Pairs(found=tuple(found), total=len(harmful), refused=refused, both=both, thinking=thinking)


def _is_thought(reader: AnswerReader, answer: Sequence[int], place: int) -> bool:
    """Whether a token of an answer stands before its reply, within thoughts."""
    split = reader.split(answer)
    if split.is_open:
        return True
    return bool(split.thoughts) and place < reader.token_at(answer, split.place_of(0))


def count_swapped(pairs: Sequence[Pair], prompts: Sequence[Sequence[int]]) -> int:
    """How many last positions are the same for all: the prompts' common ending, and what all answers begin with; at least one.

    Args:
        pairs: That are scored.
        prompts: All prompts that were given. The ending of few could hold words of the question by chance.
    """
    return max(1, common_ending(prompts)) + min(pair.begun for pair in pairs)


def common_ending(prompts: Sequence[Sequence[int]]) -> int:
    """How many last tokens all prompts have in common."""
    ending = 0
    while ending < min(map(len, prompts)) and len({prompt[-1 - ending] for prompt in prompts}) == 1:
        ending += 1
    return ending


def swap_task(sweeper: Sweeper, runs: Sequence[tuple[Ids, Ids]], pairs: Sequence[Pair], swapped: int) -> InterchangeTask:
    """One sweep over all heads.

    Args:
        sweeper: Runs it.
        runs: What is read, and whose z is put in.
        pairs: The pair of each.
        swapped: Last positions at which z is put in.
    """
    task = SweepTask(
        queries=tuple(query for query, _ in runs),
        heads=tuple(sweeper.geometry.heads()),
        operation=Scale.name,
        factor=0.0,
        measure=PreferenceDrop(tuple((pair.refusal, pair.answer) for pair in pairs)),
    )
    return task.interchanging([partner for _, partner in runs], swapped)


def _say_runs(preferences: Sequence[float], swapped: int) -> str:
    """How far a head could move the log-odds at most, if it did all alone."""
    after, otherwise = preferences
    positions = "position" if swapped == 1 else f"{swapped} positions"
    return (
        f"log-odds of the refusal's token against the answer's: {after:+.2f} nats after the harmful prompts, {otherwise:+.2f} "
        f"after the harmless ones; heads are swapped at the last {positions}"
    )


def _say_effect(chosen: Sequence[HeadRef], left: int, pairs: Pairs) -> str:
    heads = "the head of highest score" if len(chosen) == 1 else f"the {len(chosen)} heads of highest score"
    return f"with {heads} ablated it refuses {left} of {pairs.total} harmful prompts instead of {pairs.refused}"


def _doubt_effect(pairs: Pairs, left: int) -> tuple[str, ...]:
    """That ablating the chosen heads takes no refusal away, where that is so."""
    if left < pairs.refused:
        return ()
    return (
        f"this recipe has no effect: the model refuses {pairs.refused} as it is, and {left} with the chosen heads ablated; heads "
        "that decide between prompts need not be heads without which it would not refuse",
    )


def _doubt_pairs(harmful: Sequence[Sequence[int]], harmless: Sequence[Sequence[int]]) -> tuple[str, ...]:
    """That the prompts don't seem to be pairs: each has as many tokens in common with the next pair's prompt."""
    if len(harmful) < 2:
        return ()
    own, others = (
        np.mean([_share(one, other) for one, other in zip(harmful, twins, strict=True)])
        for twins in (harmless, [*harmless[1:], harmless[0]])
    )
    if own > others:
        return ()
    return (
        "the two sets don't seem to be pairs: a harmful prompt has no more tokens in common with its own look-alike than with the "
        "next one's",
    )


def _share(one: Sequence[int], other: Sequence[int]) -> float:
    """Share of the tokens of either that both have."""
    return len({*one} & {*other}) / len({*one} | {*other})


def _nothing_to_compare(pairs: Pairs) -> NothingToFindError:
    hint = "give pairs of which it refuses one prompt, or --method refusal"
    if pairs.thinking:
        hint = "give more --answer-tokens, or a --template that ends the thoughts at once (... <think></think>)"
    return NothingToFindError(f"nothing to compare: {pairs.say()}", hint=hint)
