"""The document of an evaluation, `report.json`: what was asked, and the figures. It holds no path of anyone's machine."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from headsurgery.behaviour.answers import Decoding, Degeneracy
from headsurgery.behaviour.figures import Agreement, Interval, Paired, Rate
from headsurgery.prompts import Kind as Kind
from headsurgery.recipe import HeadEdit, PromptRecord, Strict


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
