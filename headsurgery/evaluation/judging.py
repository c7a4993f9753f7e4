"""The judges of an evaluation: checked before models run, loaded after they are gone, one in memory at a time.

Neighbours: `judges` holds them, `measure` counts what they say.
"""

from __future__ import annotations

import gc
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import torch

from headsurgery.behaviour.answers import Answer
from headsurgery.endpoints.endpoint import Endpoint
from headsurgery.errors import UsageError
from headsurgery.evaluation.measure import Verdicts, key_of
from headsurgery.evaluation.progress import Report, of_stage
from headsurgery.judges import Judge, check_judge, load_judge, reads_harm
from headsurgery.judges.keyword import KeywordJudge, note_languages
from headsurgery.prompts import PromptSet


@dataclass(frozen=True, kw_only=True)
class Panel:
    """Which judges read the answers.

    Args:
        judges: Judges, or specs as `load_judge` takes them.
        open_endpoint: Makes the endpoint for a judge model's name.
        device: For classifiers.
        dtype: For classifiers.
        token: For gated and private classifiers.
        trust_remote_code: Run Python code that comes with a classifier.
    """

    judges: Sequence[str | Judge]
    open_endpoint: Callable[[str], Endpoint] | None = None
    device: str = "auto"
    dtype: str = "auto"
    token: str | None = None
    trust_remote_code: bool = False

    def check(self) -> None:
        """Find what is wrong before hours of other work; classifiers are fetched.

        Raises:
            UsageError: No judge, one twice, or one that is not known.
            CheckpointError, HubError: A classifier can't be found or fetched.
        """
        if not self.judges:
            raise UsageError("no judge; expected at least one")
        names = [judge if isinstance(judge, str) else judge.name for judge in self.judges]
        for name in names:
            if names.count(name) > 1:
                raise UsageError(f"--judge {name}: stands there twice")
        for judge in self.judges:
            if isinstance(judge, str):
                check_judge(judge, has_endpoint=self.open_endpoint is not None, token=self.token)

    def judge(
        self, answers: Sequence[Answer], sets: Sequence[PromptSet], *, report: Report | None = None
    ) -> tuple[dict[str, Verdicts], tuple[str, ...]]:
        """Let every judge read the replies; one that only knows harm reads those to harmful prompts.

        What is no answer, and what a server says was refused, has its verdict without a judge.

        Returns:
            Verdicts by judge, and what the user should know.
        """
        kinds: Mapping[str, str | None] = {prompts.name: prompts.kind for prompts in sets}
        found: dict[str, Verdicts] = {}
        notes = []
        for spec in self.judges:
            judge = self._load(spec, report)
            read = [answer for answer in answers if kinds[answer.set] == "harmful" or not reads_harm(judge)]
            if len(read) < len(answers):
                notes.append(f"judge {judge.name} tells harm, not refusal, so it read answers to harmful prompts only")
            left = [answer for answer in read if answer.settled is None]
            if isinstance(judge, KeywordJudge):
                notes += note_languages(left)
            replies = [answer.without_thoughts() for answer in left]
            verdicts = judge.judge(replies, on_progress=of_stage(report, f"judging by {judge.name}"))
            given = dict(zip(map(key_of, left), verdicts, strict=True))
            found[judge.name] = {key_of(answer): answer.settled or given[key_of(answer)] for answer in read}
            if isinstance(spec, str) and spec.startswith("classifier:"):
                del judge
                gc.collect()  # a model may hold itself in a cycle
                if torch.cuda.is_available():
                    torch.cuda.empty_cache()
        return found, tuple(notes)

    def _load(self, spec: str | Judge, report: Report | None) -> Judge:
        if not isinstance(spec, str):
            return spec
        if report is not None and spec.startswith("classifier:"):
            report(f"loading {spec}", 0, 1)
        return load_judge(
            spec,
            open_endpoint=self.open_endpoint,
            device=self.device,
            dtype=self.dtype,
            token=self.token,
            trust_remote_code=self.trust_remote_code,
        )
