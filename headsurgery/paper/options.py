"""The options of an experiment of the paper: what of its settings is replaced."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from headsurgery.options import Flag, Options, read_batch_size


@dataclass(frozen=True, kw_only=True)
class ExperimentOptions(Options):
    """What differs from the paper. None: as in the paper."""

    column: Annotated[str | None, Flag(help="Column that holds the prompts, for sets that are tables.")] = None
    limit: Annotated[int | None, Flag(help="Use only the first N prompts of each set.", at_least=1)] = None
    heads_limit: Annotated[
        int | None,
        Flag(help="figure-4b: only the N heads of highest mean Ships. Tables: groups of at most N heads.", at_least=1),
    ] = None
    max_new_tokens: Annotated[int | None, Flag(help="Tokens per answer. Default: 128, as in the paper.", at_least=1)] = None
    template: Annotated[
        str | None, Flag(help="chat, paper, direct or a file with {query}. Default: paper.", identity=True, secret=True)
    ] = None
    pretrained: Annotated[
        str | None, Flag(help="figure-6a: the model that MODEL was aligned from.", metavar="BASE", secret=True)
    ] = None
    sibling: Annotated[
        str | None, Flag(help="figure-5: another model aligned from the same weights.", metavar="OTHER", secret=True)
    ] = None
    batch_size: Annotated[int | Literal["auto"], Flag(help="auto, or prompts at a time.", read=read_batch_size, at_least=1)] = (
        "auto"
    )
