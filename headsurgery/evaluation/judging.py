"""The judges of an evaluation: checked before models run, loaded after the models are gone, and one in memory at a time.

Neighbours: `judges` holds them, `measure` counts their verdicts.
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
    """The judges that read the answers.

    Args:
        judges: Judges, or specs as for `load_judge`.
        resources: What judges may use when they are loaded.
    """

    judges: Sequence[str | Judge]
    resources: JudgeResources = field(default_factory=JudgeResources)

    def check(self) -> None:
        """Find problems before hours of other work. Classifiers are downloaded.

        Raises:
            UsageError: There is no judge, one occurs twice, one is not known, or an object is not a `Judge`.
            CheckpointError, HubError: A classifier can't be found or downloaded.
        """
        if not self.judges:
            raise UsageError("no judge; expected at least one")
        for judge in self.judges:
            if isinstance(judge, str):
                check_judge(judge, self.resources)
            elif not isinstance(judge, Judge):
                raise UsageError(
                    f"judge {type(judge).__name__}: expected a spec or a headsurgery.Judge",
                    hint="derive its class from headsurgery.Judge",
                )
        names = [judge if isinstance(judge, str) else judge.name for judge in self.judges]
        for name in names:
            if names.count(name) > 1:
                raise UsageError(f"--judge {name}: given twice")

    def judge(
        self, answers: Sequence[Answer], sets: Sequence[PromptSet], *, report: Progress | None = None
    ) -> tuple[dict[str, Verdicts], tuple[str, ...]]:
        """Let every judge read the replies. A judge of harm reads only replies to harmful prompts.

        Missing answers, and those that a server reports as refused, get their verdict without a judge.

        Returns:
            The verdicts by judge, and notes for the user.
        """
        kinds: Mapping[str, str | None] = {prompts.name: prompts.kind for prompts in sets}
        found: dict[str, Verdicts] = {}
        notes: list[str] = []
        for spec in self.judges:
            judge = self._load(spec, report)
            read = [answer for answer in answers if kinds[answer.set] == "harmful" or judge.reads == "refusal"]
            if len(read) < len(answers):
                notes.append(f"judge {judge.name} judges harm, not refusal, so it read only answers to harmful prompts")
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
