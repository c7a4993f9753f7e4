"""The judges of an evaluation: checked before models run, loaded after they are gone, one in memory at a time.

Neighbours: `judges` holds them, `measure` counts what they say.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from headsurgery.behaviour.answers import Answer
from headsurgery.errors import UsageError
from headsurgery.evaluation.measure import Verdicts, key_of
from headsurgery.judges.protocol import Judge, JudgeResources
from headsurgery.judges.registry import check_judge, find_kind, load_judge
from headsurgery.progress import Progress, of_stage
from headsurgery.prompts import PromptSet


@dataclass(frozen=True, kw_only=True)
class Judging:
    """Which judges read the answers.

    Args:
        judges: Judges, or specs as `load_judge` takes them.
        resources: What those that are loaded may use.
    """

    judges: Sequence[str | Judge]
    resources: JudgeResources = field(default_factory=JudgeResources)

    def check(self) -> None:
        """Find what is wrong before hours of other work; classifiers are fetched.

        Raises:
            UsageError: No judge, one twice, one that is not known, or an object that is no `Judge`.
            CheckpointError, HubError: A classifier can't be found or fetched.
        """
        if not self.judges:
            raise UsageError("no judge; expected at least one")
        for judge in self.judges:
            if isinstance(judge, str):
                check_judge(judge, self.resources)
            elif not isinstance(judge, Judge):
                raise UsageError(
                    f"judge {type(judge).__name__}: expected a spec or a headsurgery.Judge", hint="derive its class from Judge"
                )
        names = [judge if isinstance(judge, str) else judge.name for judge in self.judges]
        for name in names:
            if names.count(name) > 1:
                raise UsageError(f"--judge {name}: stands there twice")

    def judge(
        self, answers: Sequence[Answer], sets: Sequence[PromptSet], *, report: Progress | None = None
    ) -> tuple[dict[str, Verdicts], tuple[str, ...]]:
        """Let every judge read the replies; one that only knows harm reads those to harmful prompts.

        What is no answer, and what a server says was refused, has its verdict without a judge.

        Returns:
            Verdicts by judge, and what the user should know.
        """
        kinds: Mapping[str, str | None] = {prompts.name: prompts.kind for prompts in sets}
        found: dict[str, Verdicts] = {}
        notes: list[str] = []
        for spec in self.judges:
            judge = self._load(spec, report)
            read = [answer for answer in answers if kinds[answer.set] == "harmful" or judge.reads == "refusal"]
            if len(read) < len(answers):
                notes.append(f"judge {judge.name} tells harm, not refusal, so it read answers to harmful prompts only")
            left = [answer for answer in read if answer.settled is None]
            notes += judge.notes(left)
            replies = [answer.without_thoughts() for answer in left]
            verdicts = judge.judge(replies, on_progress=of_stage(report, f"judging by {judge.name}"))
            given = dict(zip(map(key_of, left), verdicts, strict=True))
            found[judge.name] = {key_of(answer): answer.settled or given[key_of(answer)] for answer in read}
            if isinstance(spec, str):
                judge.close()
        return found, tuple(notes)

    def _load(self, spec: str | Judge, report: Progress | None) -> Judge:
        if isinstance(spec, Judge):
            return spec
        if report is not None and find_kind(spec)[0].loads_model:
            report(f"loading {spec}", 0, 1)
        return load_judge(spec, self.resources)
