"""The options of a reproduction: what a document doesn't record, or what has moved since."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from headsurgery.options import Flag, Options


@dataclass(frozen=True, kw_only=True)
class ReproductionOptions(Options):
    """Where things are now. Whether a checkpoint's own code may run is never taken from a document."""

    base: Annotated[str | None, Flag(help="Where the base is. Default: the recorded commit on the Hub.", metavar="MODEL")] = None
    other: Annotated[
        str | None,
        Flag(
            help="Where the second model is: the donor of transplanted heads, or an experiment's --pretrained or --sibling. "
            "Default: the recorded commit on the Hub.",
            metavar="MODEL",
        ),
    ] = None
    template: Annotated[
        str | None, Flag(help="The template's file, if the run had one: only its hash is recorded.", metavar="FILE")
    ] = None
    token: Annotated[str | None, Flag(help="Hub token; default: HF_TOKEN or hf auth login.", secret=True)] = None
    trust_remote_code: Annotated[bool, Flag(help="Run Python code that comes with the checkpoint.")] = False
