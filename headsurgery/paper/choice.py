"""Which heads an experiment ablates: by Sahara for a set, by Ships for every single query.

Choices are kept in `heads.json` as soon as they are made, so that an experiment that broke off doesn't score all heads again. Heads
are scored as the paper does, without a harmless control. Neighbours: `attribution.sahara`, `attribution.ships`.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from headsurgery.attribution.sahara import sahara
from headsurgery.attribution.scores import ScoreTable, best_heads
from headsurgery.attribution.ships import ships_of_queries
from headsurgery.documents.atomic import write_atomically
from headsurgery.documents.run_store import ANEW, JournalError, check_same_run
from headsurgery.edits.operations import OperationName
from headsurgery.errors import HeadSurgeryError, UsageError
from headsurgery.heads import HeadRef
from headsurgery.paper.records import ChosenHeads
from headsurgery.paper.subject import Subject
from headsurgery.progress import of_stage
from headsurgery.prompts import PromptSet

Groups = list[list[HeadRef]]
"""One group of heads for a whole set, or one for each query."""


class HeadStore:
    """The choices of one run.

    Args:
        path: Of `heads.json`; None: in memory only.
        settings: All that they depend on, as JSON.
        force: Begin anew where another run's choices stand.

    Raises:
        HeadSurgeryError: Another run's choices stand there, or a damaged file.
    """

    def __init__(self, path: Path | None, settings: Mapping[str, Any], *, force: bool = False) -> None:
        self._path = path
        self._settings: dict[str, Any] = json.loads(json.dumps(settings))
        self.heads: dict[str, list[list[str]]] = {}
        if path is not None and path.exists():
            try:
                self.heads = self._read(path)
            except HeadSurgeryError:
                if not force:
                    raise

    def get(self, key: str, find: Callable[[], Groups]) -> Groups:
        """The groups chosen earlier; otherwise they are found and stored now."""
        if key not in self.heads:
            self.heads[key] = [[str(head) for head in group] for group in find()]
            self._write()
        return [[HeadRef.parse(head) for head in group] for group in self.heads[key]]

    def _read(self, path: Path) -> dict[str, list[list[str]]]:
        try:
            found = ChosenHeads.model_validate_json(path.read_bytes())
        except (OSError, ValidationError) as error:
            raise JournalError(f"{path.name}: can't be read as chosen heads", hint=ANEW) from error
        check_same_run(path, found.settings, self._settings)
        return found.heads

    def _write(self) -> None:
        if self._path is None:
            return
        document = ChosenHeads(settings=self._settings, heads=self.heads).model_dump_json(by_alias=True, indent=2)
        try:
            write_atomically(self._path, f"{document}\n".encode())
        except OSError as error:
            raise HeadSurgeryError(f"{self._path}: can't write the heads: {error.strerror}") from error


def choose_group(subject: Subject, prompts: PromptSet, operation: OperationName, factor: float, size: int) -> Groups:
    """Sahara's group for a set, in order of choice.

    Raises:
        UsageError: A single prompt, which has no angle, or more heads than there are.
    """
    _check(subject, prompts, size, at_least=2)
    table = _sahara(subject, prompts, operation, factor, group_size=size, stage="choosing heads for")
    return [[HeadRef(score.layer, score.head) for score in table.chosen]]


def choose_by_query(subject: Subject, prompts: PromptSet, operation: OperationName, factor: float, size: int) -> Groups:
    """The heads with the highest Ships, for every query its own.

    Raises:
        UsageError: More heads than there are.
    """
    _check(subject, prompts, size)
    return [list(best_heads(scores, size)) for scores in _ships(subject, prompts, operation, factor)]


def choose_by_mean(subject: Subject, prompts: PromptSet, operation: OperationName, factor: float, size: int) -> Groups:
    """The heads with the highest mean Ships over a set."""
    return [list(best_heads(_ships(subject, prompts, operation, factor).mean(axis=0), size))]


def rank_heads(subject: Subject, prompts: PromptSet, operation: OperationName, factor: float, size: int) -> Groups:
    """The heads with the highest generalized Ships (Eq. 11) of a set, each ablated alone.

    Raises:
        UsageError: A single prompt, which has no angle, or more heads than there are.
    """
    _check(subject, prompts, size, at_least=2)
    table = _sahara(subject, prompts, operation, factor, group_size=1, stage="scoring heads on")
    return [list(best_heads(table.harmful, size))]


def _sahara(
    subject: Subject, prompts: PromptSet, operation: OperationName, factor: float, *, group_size: int, stage: str
) -> ScoreTable:
    return sahara(
        subject.sweeper,
        [subject.queries(prompts)],
        operation=operation,
        factor=subject.factor(operation, factor),
        group_size=group_size,
        on_progress=of_stage(subject.conditions.report, f"{stage} {prompts.name}, {operation}"),
    )


def _ships(subject: Subject, prompts: PromptSet, operation: OperationName, factor: float) -> Any:
    """Ships [query, layer, head] in nats."""
    return ships_of_queries(
        subject.sweeper,
        subject.queries(prompts),
        operation=operation,
        factor=subject.factor(operation, factor),
        on_progress=of_stage(subject.conditions.report, f"scoring heads on {prompts.name}, {operation}"),
    )


def _check(subject: Subject, prompts: PromptSet, size: int, *, at_least: int = 1) -> None:
    num_heads = subject.modules.geometry.num_heads_in_all
    if size > num_heads:
        raise UsageError(f"the experiment needs {size} heads, but the model has {num_heads}")
    if len(prompts.texts) < at_least:
        raise UsageError(f"{prompts.name}: a single prompt, but generalized Ships compares several", hint="raise --limit")


def to_names(heads: Sequence[HeadRef]) -> tuple[str, ...]:
    """As L2H26."""
    return tuple(map(str, heads))
