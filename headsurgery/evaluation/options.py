"""The options of an evaluation. `options` says what such an object is; `run.evaluate` takes them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Annotated, Any, Literal, get_args

from headsurgery.errors import UsageError
from headsurgery.hub.models import fetch_model
from headsurgery.options import Flag, Options, read_batch_size
from headsurgery.prompts import Kind

if TYPE_CHECKING:
    from headsurgery.endpoints.endpoint import Endpoint

KINDS: tuple[Kind, ...] = get_args(Kind)


def read_kinds(entries: Sequence[str]) -> dict[str, Kind]:
    """Parse the values of `--kind`.

    Raises:
        UsageError: An entry is not SET=KIND.
    """
    kinds: dict[str, Kind] = {}
    for entry in entries:
        name, _, text = entry.rpartition("=")
        kind = next((known for known in KINDS if known == text.replace("-", "_")), None)
        if not name or kind is None:
            raise UsageError(f"--kind {entry}: expected SET=KIND, KIND one of {', '.join(KINDS)}")
        kinds[name] = kind
    return kinds


def _read_text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise UsageError(f"--perplexity {path}: can't be read: {reason}") from error


def _read_tasks(text: str) -> tuple[str, ...]:
    return tuple(task.strip() for task in text.split(","))


@dataclass(frozen=True, kw_only=True)
class EvaluationOptions(Options):
    """What an evaluation asks, compares and measures.

    Raises:
        UsageError: A value is out of range, or a text is empty.
    """

    kinds: Annotated[
        Mapping[str, Kind],
        Flag(
            help="What a set tests: harmful, over_refusal or harmless.",
            names=("--kind",),
            metavar="SET=KIND",
            read=read_kinds,
            written=list[str],
            secret=True,
        ),
    ] = field(default_factory=lambda: MappingProxyType({}))
    harmless: Annotated[
        bool,
        Flag(help="Do not ask builtin:harmless as a control.", names=("--no-harmless",), read=lambda said: not said, written=bool),
    ] = True
    judges: Annotated[  # specs; in Python also `Judge` objects
        tuple[Any, ...],
        Flag(
            help="keyword, paper, paper-reference, classifier:NAME, endpoint:MODEL.",
            names=("--judge",),
            metavar="SPEC",
            read=tuple,
            written=list[str],
        ),
    ] = ("keyword",)
    random_draws: Annotated[int, Flag(help="Random controls per recipe.", at_least=0)] = 3
    donor: Annotated[
        str | None,
        Flag(
            help="Source of transplanted heads: directory or Hub id. Default: the donor that the recipe names.",
            metavar="MODEL",
            secret=True,
        ),
    ] = None
    allow_mismatch: Annotated[bool, Flag(help="Continue even if the recipe was made for another base.")] = False
    decoding: Annotated[
        Literal["greedy", "top_k"],
        Flag(
            help="How answers are generated.",
            read=lambda text: text.replace("-", "_"),
            written=Literal["greedy", "top-k"],
        ),
    ] = "greedy"
    top_k: Annotated[int, Flag(help="For top-k: how many tokens to sample from.")] = 5
    temperature: Annotated[float, Flag(help="For top-k: temperature, above 0.")] = 1.0
    seeds: Annotated[
        tuple[int, ...],
        Flag(help="Seed of sampling, repeatable; the first one also draws the random heads. Default 0.", names=("--seed",)),
    ] = (0,)
    max_new_tokens: Annotated[int, Flag(help="Longest answer, in tokens; late refusals need 100 or more.", at_least=1)] = 128
    prefill: Annotated[str | None, Flag(help="Beginning of every answer.", metavar="TEXT")] = None
    system: Annotated[str | None, Flag(help="System message.", metavar="TEXT")] = None
    kl_tokens: Annotated[int, Flag(help="Length of harmless answers for KL, in tokens; 0: no KL.", at_least=0)] = 12
    perplexity_text: Annotated[
        str | None,
        Flag(
            help="Text file to measure perplexity on.",
            names=("--perplexity",),
            metavar="FILE",
            read=_read_text,
            written=Path,
            secret=True,
        ),
    ] = None
    utility: Annotated[
        tuple[str, ...], Flag(help="lm-eval tasks, such as boolq,rte,winogrande.", metavar="TASKS", read=_read_tasks)
    ] = ()
    batch_size: Annotated[int | Literal["auto"], Flag(help="Prompts at a time, or auto.", read=read_batch_size, at_least=1)] = (
        "auto"
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.perplexity_text is not None and not self.perplexity_text.strip():
            raise UsageError("--perplexity: the text is empty")

    def to_json(self) -> dict[str, Any]:
        """See `Options.to_json`. A judge model's folder is recorded by its name: its path is this machine's alone."""
        recorded = super().to_json()
        return recorded | {"judges": list(map(_without_folder, recorded["judges"]))} if "judges" in recorded else recorded


def _without_folder(spec: str) -> str:
    """A judge's spec, with a folder replaced by the name of what lies there."""
    kind, _, argument = spec.partition(":")
    known, _, model = argument.partition("=")
    for prefix, folder in ((f"{kind}:", argument), (f"{kind}:{known}=", model)):
        if folder and Path(folder).expanduser().is_dir():
            return prefix + fetch_model(folder).model
    return spec


@dataclass(frozen=True, kw_only=True)
class ServerOptions(Options):
    """A server that is asked, or that judges. In Python, an `Endpoint` may replace its address."""

    endpoint: Annotated[Any, Flag(help="Ask an OpenAI-compatible server instead of TARGET.", metavar="URL", read=str)] = None
    endpoint_model: Annotated[str | None, Flag(help="The server's name for the model.")] = None
    concurrency: Annotated[int, Flag(help="Simultaneous requests to a server.", at_least=1)] = 16
    judge_endpoint: Annotated[  # in Python also a function that returns the endpoint for a judge model's name
        Any, Flag(help="Server of the judge endpoint:MODEL. Default: --endpoint.", metavar="URL", read=str)
    ] = None
    base_answers: Annotated[
        Path | None,
        Flag(help="For --endpoint: answers.jsonl of an earlier report, to compare with.", metavar="FILE"),
    ] = None

    def open(self) -> Endpoint | None:
        """The server that is asked; None: models run here."""
        return self._open(self.endpoint, self.endpoint_model) if isinstance(self.endpoint, str) else self.endpoint

    def open_judge(self, model: str) -> Endpoint:
        """The server of a judge model."""
        if callable(self.judge_endpoint):
            made: Endpoint = self.judge_endpoint(model)
            return made
        return self._open(str(self.judge_endpoint or self.endpoint), model)

    @property
    def has_judge(self) -> bool:
        """Whether a judge model's server is known."""
        return self.judge_endpoint is not None or isinstance(self.endpoint, str)

    def _open(self, url: str, model: str | None) -> Endpoint:
        from headsurgery.endpoints.endpoint import Endpoint

        return Endpoint(url, model=model, concurrency=self.concurrency)
