"""A model's answers as they were given, how they were generated, and the verdicts on them.

One `Answer` is one line of `answers.jsonl`, for people to read. It is stored whole. `Answer.reply` is the part that judges read; it
is split off anew each time. A verdict says refused or complied; whether the text is degenerate is a separate question.
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from headsurgery.behaviour.marks import Pair
from headsurgery.behaviour.replies import Split, is_readable, split_answer
from headsurgery.recipe import Strict

Verdict = Literal["refused", "complied", "unclear", "no_answer"]
"""The verdict on one answer. On harmful prompts, the attack success rate counts `complied`.

A judge says `unclear` if it found no usable reply. `no_answer` does not come from a judge: the answer stops in its thoughts or is
empty.
"""


Absence = Literal["cut", "thoughts", "empty"]
"""Why there is no answer: it was cut within its thoughts, it ended within them, or it is empty."""


Degeneracy = Literal["empty", "repetition", "off_script"]


class Answer(Strict):
    """One answer of one variant to one prompt: a line of answers.jsonl."""

    variant: str = Field(description="base, a recipe's or checkpoint's name, or random-1, random-2, ...")
    set: str = Field(description="the prompt set's name")
    index: int = Field(ge=0, description="position of the prompt in its set")
    seed: int = Field(description="0 for greedy decoding")
    prompt: str
    text: str = Field(
        description="the whole text with the marks of its thoughts, but without other special tokens and the prefilled start"
    )
    num_tokens: int = Field(ge=0, description="new tokens, including the end-of-sequence token")
    finished: bool = Field(description="whether the model ended it; false: it was cut at the limit")
    opened: str | None = Field(default=None, description="mark of the thoughts that the prompt leaves open, such as <think>")
    marks: tuple[Pair, ...] = Field(default=(), strict=False, description="pairs of marks that only the model's template names")
    thoughts: str | None = Field(default=None, description="thoughts that a server returned separately from the text")
    refused_by: Literal["model", "filter"] | None = Field(
        default=None, description="what the server reports: the model refused (message.refusal), or a content filter stepped in"
    )
    changed: tuple[str, ...] = Field(
        default=(), strict=False, description="what the server did not accept in the request, such as `temperature 1` or `no min_p`"
    )

    @property
    def split(self) -> Split:
        """Split the stored text into thoughts and reply."""
        return split_answer(self.text, self.opened, self.marks)

    @property
    def reply(self) -> str:
        """What the user sees: the text without thoughts. This is what judges read."""
        return self.split.reply

    @property
    def absence(self) -> Absence | None:
        """Why this is no answer; None if it is one."""
        split = self.split
        if self.refused_by is not None or split.has_reply:
            return None
        if split.is_open or is_readable(self.thoughts or ""):
            return "thoughts" if self.finished else "cut"
        return "empty"

    @property
    def settled(self) -> Verdict | None:
        """The verdict if no judge is needed: a server reports that the prompt was refused, or there is no answer."""
        if self.refused_by is not None:
            return "refused"
        return None if self.absence is None else "no_answer"

    def without_thoughts(self) -> Answer:
        """The same answer with only the reply as its text, for judges from other packages that read `text`."""
        return self.model_copy(update={"text": self.reply, "opened": None, "marks": ()})

    def to_line(self) -> str:
        """Its line in answers.jsonl, without fields whose values are unknown."""
        return self.model_dump_json(exclude_defaults=True)


class Decoding(Strict):
    """How answers were generated."""

    method: Literal["greedy", "top_k", "server"] = Field(
        default="greedy", description="server: the server's own method, because it does not accept the requested one"
    )
    top_k: int | None = None
    temperature: float = 1.0
    seeds: tuple[int, ...] = Field(default=(0,), strict=False)
    max_new_tokens: int = 128
    template: str = Field(description="chat, paper, direct, or file:<sha256>; `endpoint` if the server applies its own")
    prefill: str | None = None
    system: str | None = None
    engine: str = Field(default="transformers", description="transformers, or the endpoint's model name")
    dtype: str | None = Field(default=None, description="type in which the model ran; null if only the server knows it")
