"""Answers of a model as they were given, how they were generated, and what is said of one.

One `Answer` is one line of `answers.jsonl`, for people to read. It is kept whole; `Answer.reply` is what judges read of it, split
anew each time from what is stored. A verdict says refused or complied; whether the text is degenerate is a separate question.
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from headsurgery.behaviour.marks import Pair
from headsurgery.behaviour.replies import Split, is_readable, split_answer
from headsurgery.recipe import Strict

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
