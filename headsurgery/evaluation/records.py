"""The documents of an evaluation: answers as they were given, verdicts on them, and the figures.

One `Answer` is one line of `answers.jsonl`, for people to read; an `Evaluation` is `report.json`. Neither holds a path of
anyone's machine. An answer is kept whole; `Answer.reply` is what judges read of it, split anew each time from what is stored. A
verdict says refused or complied; whether the text is degenerate is a separate question, always asked.
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from headsurgery.behaviour.marks import Pair
from headsurgery.behaviour.replies import Split, is_readable, split_answer
from headsurgery.prompts import Kind as Kind
from headsurgery.recipe import HeadEdit, PromptRecord, Strict

Verdict = Literal["refused", "complied", "unclear", "no_answer"]
"""What is said of one answer. On harmful prompts ASR counts `complied`.

A judge says `unclear` where it gave no usable reply. `no_answer` is no judge's: the answer stops within its thoughts, or is empty.
"""

Absence = Literal["cut", "thoughts", "empty"]
"""Why there is no answer: it was cut within its thoughts, it ended within them, or nothing stands in it."""

Degeneracy = Literal["empty", "repetition", "off_script"]


class Answer(Strict):
    """One answer of one variant to one prompt: a line of answers.jsonl."""

    variant: str = Field(description="base, a recipe's or checkpoint's name, or random-1, random-2, ...")
    set: str = Field(description="the prompt set's name")
    index: int = Field(ge=0, description="position of the prompt in its set")
    seed: int = Field(description="0 for greedy decoding")
    prompt: str
    text: str = Field(
        description="whole, with the marks of its thoughts; other special tokens and the prefilled start of the answer not included"
    )
    num_tokens: int = Field(ge=0, description="new tokens, the end-of-sequence token included")
    finished: bool = Field(description="whether the model ended it; false: cut at the limit")
    opened: str | None = Field(default=None, description="mark of the thoughts that the prompt left open, such as <think>")
    marks: tuple[Pair, ...] = Field(default=(), strict=False, description="pairs of marks that only the model's template names")
    thoughts: str | None = Field(default=None, description="thoughts that a server gave apart from the text")
    refused_by: Literal["model", "filter"] | None = Field(
        default=None, description="a server's word: the model refused (message.refusal), or a content filter stepped in"
    )
    changed: tuple[str, ...] = Field(
        default=(), strict=False, description="what the server did not take of the request, as `temperature 1` or `no min_p`"
    )

    @property
    def split(self) -> Split:
        """Thoughts and reply, from what is stored."""
        return split_answer(self.text, self.opened, self.marks)

    @property
    def reply(self) -> str:
        """What the user is told: the text without thoughts. This is what judges read."""
        return self.split.reply

    @property
    def absence(self) -> Absence | None:
        """Why it is no answer; None where there is one."""
        split = self.split
        if self.refused_by is not None or split.has_reply:
            return None
        if split.is_open or is_readable(self.thoughts or ""):
            return "thoughts" if self.finished else "cut"
        return "empty"

    @property
    def settled(self) -> Verdict | None:
        """The verdict where none is left to a judge: a server says that it was refused, or there is no answer."""
        if self.refused_by is not None:
            return "refused"
        return None if self.absence is None else "no_answer"

    def without_thoughts(self) -> Answer:
        """The same with the reply as its text: for judges of others, which read `text`."""
        return self.model_copy(update={"text": self.reply, "opened": None, "marks": ()})

    def to_line(self) -> str:
        """Its line in answers.jsonl, without what is not known of it."""
        return self.model_dump_json(exclude_defaults=True)


class Interval(Strict):
    """A figure with its 95 % interval."""

    value: float
    low: float
    high: float


class Rate(Strict):
    """A share with its Wilson interval."""

    count: int = Field(ge=0)
    total: int = Field(ge=0)
    interval: Interval


class Paired(Strict):
    """A variant against the base on the same prompts."""

    only_base: int = Field(description="prompts that count more often in the base; with one seed: in the base only")
    only_variant: int = Field(description="prompts that count more often in the variant")
    p_value: float = Field(description="exact McNemar test, two-sided; with several seeds the exact sign test over prompts")
    difference: Interval = Field(description="variant - base, in shares; bootstrap over prompts")
    ratio: Interval | None = Field(default=None, description="variant / base; bootstrap over prompts; null where the base has none")


class Measurement(Strict):
    """What one judge found for one variant on one set, over all seeds."""

    variant: str
    set: str
    judge: str
    complied: Rate = Field(description="on harmful prompts: the attack success rate (ASR)")
    refused: Rate
    unclear: int
    no_answer: int = Field(default=0, description="cut within their thoughts, or empty; in neither share")
    refused_by_server: int = Field(default=0, description="of the refused: by message.refusal or a content filter")
    against_base: Paired | None = Field(default=None, description="on complied; null for the base itself")


class Degenerate(Strict):
    """Nonsense in one variant's answers to one set; it is neither safe nor harmful."""

    variant: str
    set: str
    rate: Rate
    kinds: dict[Degeneracy, int]


class Agreement(Strict):
    """Two judges on the same answers, `unclear` and `no_answer` left out."""

    first: str
    second: str
    kappa: float | None = Field(description="Cohen's kappa; null where one of them always says the same")
    agreement: float
    total: int


class Damage(Strict):
    """What a variant lost on harmless text, against the base."""

    variant: str
    harmless_kl: Interval | None = Field(
        default=None, description="KL(base || variant) in nats per token, over the first tokens of the base's harmless answers"
    )
    kl_tokens: int | None = None
    perplexity: float | None = None
    base_perplexity: float | None = None
    utility: dict[str, float] | None = Field(default=None, description="accuracy by lm-eval task")
    base_utility: dict[str, float] | None = None


class Variant(Strict):
    """A model that was asked."""

    name: str
    kind: Literal["base", "recipe", "checkpoint", "random"]
    edits: tuple[HeadEdit, ...] = Field(default=(), strict=False)
    parameters_changed: int | None = None
    parameters: int | None = None
    parameters_changed_paper: float | None = Field(
        default=None, description="share as the paper seems to count it, see `parameters`"
    )


class SetRecord(Strict):
    """A prompt set and what it is for."""

    kind: Kind
    record: PromptRecord


class Decoding(Strict):
    """How answers were generated."""

    method: Literal["greedy", "top_k", "server"] = Field(
        default="greedy", description="server: as the server decodes, because it does not take what was asked for"
    )
    top_k: int | None = None
    temperature: float = 1.0
    seeds: tuple[int, ...] = Field(default=(0,), strict=False)
    max_new_tokens: int = 128
    template: str = Field(description="chat, paper, direct, or file:<sha256>; `endpoint` where the server applies its own")
    prefill: str | None = None
    system: str | None = None
    engine: str = Field(default="transformers", description="transformers, or the endpoint's model name")
    dtype: str | None = Field(default=None, description="type that the model ran in; null where a server knows it alone")


class Evaluation(Strict):
    """One evaluation, whole: report.json."""

    schema_: Literal["headsurgery.evaluation/1"] = Field(default="headsurgery.evaluation/1", alias="schema")
    base: str
    revision: str | None = None
    sets: tuple[SetRecord, ...] = Field(strict=False)
    variants: tuple[Variant, ...] = Field(strict=False)
    decoding: Decoding
    judges: tuple[str, ...] = Field(strict=False)
    measurements: tuple[Measurement, ...] = Field(strict=False)
    degenerate: tuple[Degenerate, ...] = Field(strict=False)
    agreements: tuple[Agreement, ...] = Field(default=(), strict=False)
    damage: tuple[Damage, ...] = Field(default=(), strict=False)
    versions: dict[str, str]
    notes: tuple[str, ...] = Field(default=(), strict=False)


class FrontierPoint(Strict):
    """One candidate of a search over heads and factor: what it wins and what it costs."""

    heads: tuple[str, ...] = Field(strict=False, description="as L2H26")
    factor: float
    removed: tuple[str, ...] = Field(default=(), strict=False, description="heads that are taken out besides")
    refusal: Rate = Field(description="of harmful prompts, under all attacks together")
    attacks: dict[str, Rate] = Field(default={}, description="refusal under each attack; `bare` is none")
    over_refusal: Rate = Field(description="of prompts that a good model answers")
    harmless_kl: float | None = Field(default=None, description="KL(base || edited) in nats per token on harmless answers")
    efficient: bool = Field(default=False, description="no other candidate is as good in all three figures and better in one")
    chosen: bool = False

    @property
    def label(self) -> str:
        """The edit in short."""
        without = f", without {', '.join(self.removed)}" if self.removed else ""
        return f"{', '.join(self.heads)} × {self.factor:g}{without}"


class OverBound(Strict):
    """A candidate that was not asked, because its KL is over the bound, or a smaller factor's is."""

    heads: tuple[str, ...] = Field(strict=False)
    factor: float
    removed: tuple[str, ...] = Field(default=(), strict=False)
    harmless_kl: float | None = Field(default=None, description="null: not measured, a smaller factor was over the bound")


class Frontier(Strict):
    """A search for heads and factor, whole."""

    schema_: Literal["headsurgery.frontier/1"] = Field(default="headsurgery.frontier/1", alias="schema")
    prompts: PromptRecord
    harmless: PromptRecord
    template: str
    max_over_refusal: float = Field(description="share of harmless prompts, in addition to the base's")
    max_kl: float = Field(description="nats per token")
    answer_tokens: int = Field(description="new tokens among which a refusal was looked for")
    kl_tokens: int = Field(description="KL over the first so many tokens of the base's harmless answers")
    base: FrontierPoint = Field(description="the untouched model: no heads, factor 1")
    points: tuple[FrontierPoint, ...] = Field(strict=False, description="what was asked, the efficient ones first")
    over_bound: tuple[OverBound, ...] = Field(default=(), strict=False)
