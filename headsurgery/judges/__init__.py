"""Judges: each reads answers and says refused, complied or unclear. `load_judge` makes one from its name.

`keyword` and `paper` are pure Python and quick; `classifier` runs a model, `rubric` asks one elsewhere. Nothing heavy is imported
before a judge that needs it is loaded. Several judges on the same answers are compared by `statistics`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Protocol

from headsurgery.behaviour.answers import Answer, Verdict
from headsurgery.errors import UsageError
from headsurgery.judges.batches import ROWS, Row
from headsurgery.judges.keyword import KeywordJudge, find_refusal
from headsurgery.judges.paper import PaperJudge, ReferenceJudge
from headsurgery.judges.rubric import RubricJudge

if TYPE_CHECKING:
    from headsurgery.endpoints.endpoint import Endpoint

__all__ = ["Judge", "check_judge", "find_refusal", "load_judge", "reads_harm"]


class Judge(Protocol):
    """Anything that judges answers."""

    name: str

    def judge(self, answers: Sequence[Answer], *, on_progress: Callable[[int, int], None] | None = None) -> list[Verdict]:
        """A verdict for each answer, in their order; thoughts are taken out of their text, and none is without a reply."""
        ...


def check_judge(spec: str, *, has_endpoint: bool = False, token: str | None = None) -> None:
    """Make sure that a judge can be loaded later; a classifier is fetched now, but not loaded.

    Args:
        spec: See `load_judge`.
        has_endpoint: Whether there is a server for `endpoint:MODEL`.
        token: For gated and private classifiers.

    Raises:
        UsageError: No such judge, or an endpoint's URL is missing.
        CheckpointError, HubError: A classifier can't be found or fetched.
    """
    kind, _, name = spec.partition(":")
    if kind == "classifier" and name:
        from headsurgery.judges.classifier import fetch_classifier

        fetch_classifier(name, token=token)
    elif not (kind == "endpoint" and name and has_endpoint):
        load_judge(spec)


def reads_harm(judge: Judge) -> bool:
    """Whether a judge tells harmful answers from all others, which means something on harmful prompts only."""
    row: Row | None = getattr(judge, "row", None)
    return row is not None and row.reads == "harm"


def load_judge(
    spec: str,
    *,
    open_endpoint: Callable[[str], Endpoint] | None = None,
    device: str = "auto",
    dtype: str = "auto",
    batch_size: int = 8,
    token: str | None = None,
    trust_remote_code: bool = False,
) -> Judge:
    """Make a judge.

    Args:
        spec: `keyword`, `paper`, `paper-reference`, `classifier:NAME` (a row of the table, its Hub id, or a directory of a sequence
            classifier), `classifier:ROW=MODEL`, or `endpoint:MODEL`.
        open_endpoint: Makes the endpoint for a model's name; needed by `endpoint:MODEL` only.
        device: For classifiers: auto, cpu, cuda, cuda:N or mps.
        dtype: For classifiers: auto, float32, bfloat16, float16 or float64.
        batch_size: For classifiers: answers in one forward pass.
        token: For gated and private classifiers.
        trust_remote_code: Run Python code that comes with a classifier.

    Raises:
        UsageError: No such judge, or an endpoint's URL is missing.
        CheckpointError, HubError, ModelError: A classifier can't be found or loaded.
    """
    kind, _, name = spec.partition(":")
    plain: dict[str, Callable[[], Judge]] = {"keyword": KeywordJudge, "paper": PaperJudge, "paper-reference": ReferenceJudge}
    if spec in plain:
        return plain[spec]()
    if kind == "endpoint" and name:
        if open_endpoint is None:
            raise UsageError(f"judge {spec}: no endpoint's URL is given")
        return RubricJudge(open_endpoint(name), name=spec)
    if kind == "classifier" and name:
        from headsurgery.judges.classifier import load_classifier

        return load_classifier(
            name, device=device, dtype=dtype, batch_size=batch_size, token=token, trust_remote_code=trust_remote_code
        )
    models = ", ".join(f"classifier:{row.name}" for row in ROWS)
    raise UsageError(f"judge {spec!r}: not known; expected {', '.join(plain)}, {models}, classifier:ROW=MODEL or endpoint:MODEL")
