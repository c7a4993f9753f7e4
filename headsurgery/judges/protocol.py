"""What a judge is, and what a kind of judge has to declare so that a name finds it.

A judge reads answers and gives a verdict for each. A *kind* makes judges from a spec, such as `classifier:NAME`. `registry` lists
our kinds and finds those of other packages.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from headsurgery.behaviour.answers import Answer, Verdict
from headsurgery.progress import StageProgress

if TYPE_CHECKING:
    from headsurgery.endpoints.endpoint import Endpoint

Reads = Literal["refusal", "harm"]
"""What a judge tells. `refusal`: whether an answer refuses. `harm`: `complied` is a harmful answer and `refused` any other,
which means something on harmful prompts only."""


class Judge(ABC):
    """Anything that judges answers.

    Attributes:
        name: Its name in reports. Two judges of one run have different names.
        reads: What its verdicts tell.
    """

    name: str
    reads: Reads = "refusal"

    @abstractmethod
    def judge(self, answers: Sequence[Answer], *, on_progress: StageProgress | None = None) -> list[Verdict]:
        """Judge answers.

        Args:
            answers: What was answered, with the prompts. Thoughts are not in their text.
            on_progress: Called with answers done and in all.

        Returns:
            A verdict for each answer, in their order; `unclear` where the judge gave no usable reply.
        """

    def notes(self, answers: Sequence[Answer]) -> tuple[str, ...]:
        """What the user should know about this judge on these answers. By default nothing."""
        return ()

    def close(self) -> None:  # noqa: B027
        """Free what the judge holds, such as a model in memory. It judges nothing more."""


@dataclass(frozen=True, kw_only=True)
class JudgeResources:
    """What judges may use.

    Args:
        open_endpoint: Makes the endpoint for a model's name; None where no server was given.
        device: For judges that run a model: auto, cpu, cuda, cuda:N or mps.
        dtype: For judges that run a model: auto, float32, bfloat16, float16 or float64.
        batch_size: For judges that run a model: answers in one forward pass.
        token: For gated and private models.
        trust_remote_code: Run Python code that comes with a model.
    """

    open_endpoint: Callable[[str], Endpoint] | None = None
    device: str = "auto"
    dtype: str = "auto"
    batch_size: int = 8
    token: str | None = None
    trust_remote_code: bool = False


def _accept(argument: str, resources: JudgeResources) -> None:
    pass


@dataclass(frozen=True, kw_only=True)
class JudgeKind:
    """How judges of one kind are made.

    Args:
        name: What a spec begins with: `keyword`, or `classifier` of `classifier:NAME`.
        forms: The specs that it takes, for help and errors.
        load: Makes a judge from what stands behind the colon (empty without one). Raises our errors.
        check: Finds out whether `load` would work, before hours of other work; may download, but loads nothing. Raises our errors.
        takes_argument: Whether something has to stand behind a colon; otherwise nothing may.
        loads_model: Whether `load` takes a while because it loads a model.
    """

    name: str
    forms: tuple[str, ...]
    load: Callable[[str, JudgeResources], Judge]
    check: Callable[[str, JudgeResources], None] = _accept
    takes_argument: bool = False
    loads_model: bool = False
