"""A loaded model in an experiment: it answers, with heads ablated as hooks, and its heads can be scored.

The weights are never edited. Answers go to the journal as they come, and what it has is not made again. Neighbours: `choice` finds
heads, `ablations` and `transplant` ask.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import torch

from headsurgery.behaviour.answers import Decoding
from headsurgery.edits.operations import OPERATIONS, OperationName
from headsurgery.engine.local import LocalEngine
from headsurgery.engine.sweep import Sweeper
from headsurgery.errors import GeometryError
from headsurgery.evaluation.generate import fit_prompts, generate_answers
from headsurgery.evaluation.journal import MemoryJournal
from headsurgery.evaluation.local import ModelRuntime
from headsurgery.heads import HeadRef
from headsurgery.model.loading import LoadedModel
from headsurgery.model.modules import ModuleMap, locate_modules
from headsurgery.progress import Progress, of_stage
from headsurgery.prompts import PromptSet, encode, load_template
from headsurgery.recipe import HeadEdit
from headsurgery.storage.checkpoint import Checkpoint


@dataclass(frozen=True, kw_only=True)
class Conditions:
    """What subjects of one experiment have in common.

    Args:
        sets: What is asked.
        template: How; as `load_template` takes it.
        decoding: Method, limit, prefill, and the template's name.
        runtime: Where.
        journal: Gets the answers.
        num_answers: In all, for the progress.
        report: Called with the stage, and done and in all.
    """

    sets: tuple[PromptSet, ...]
    template: str
    decoding: Decoding
    runtime: ModelRuntime
    journal: MemoryJournal
    num_answers: int
    report: Progress | None


@dataclass(kw_only=True)
class Subject:
    """One loaded model.

    Args:
        loaded: Model and tokenizer.
        modules: Its heads.
        sets: Prompts that fit into its context with their answers.
        conditions: The experiment.
    """

    loaded: LoadedModel
    modules: ModuleMap
    sets: tuple[PromptSet, ...]
    conditions: Conditions
    _done: int = field(default=0, init=False)

    def ask(
        self,
        variant: str,
        prompts: PromptSet,
        *,
        edits: Sequence[HeadEdit] = (),
        own_edits: Sequence[Sequence[HeadEdit]] = (),
        loaded: LoadedModel | None = None,
    ) -> None:
        """Let the model answer a set.

        Args:
            variant: Name for the answers.
            prompts: One of the subject's sets.
            edits: In force for all prompts.
            own_edits: In force for one prompt each.
            loaded: Another model to ask in this one's place.
        """
        conditions, done = self.conditions, self._done
        report = of_stage(conditions.report, "answers")
        batches = generate_answers(
            loaded or self.loaded,
            prompts,
            template=load_template(conditions.template, self.loaded.tokenizer),
            decoding=conditions.decoding,
            variant=variant,
            edits=edits,
            own_edits=own_edits,
            batch_size=conditions.runtime.batch_size,
            skip=conditions.journal.present(variant=variant, prompt_set=prompts.name, seed=0),
            on_progress=None if report is None else lambda answered, _: report(done + answered, conditions.num_answers),
        )
        for batch in batches:
            conditions.journal.append(batch)
        self._done += len(prompts.texts)

    @cached_property
    def sweeper(self) -> Sweeper:
        """For scoring heads."""
        return Sweeper(engine=LocalEngine(self.loaded))

    def queries(self, prompts: PromptSet) -> list[list[int]]:
        """Token ids of a set, without the prefilled start of the answer."""
        _, queries = encode(
            prompts,
            load_template(self.conditions.template, self.loaded.tokenizer),
            self.loaded.tokenizer,
            max_tokens=2**31,  # they fit with their answers
        )
        return queries

    def factor(self, operation: OperationName, factor: float) -> float:
        """The factor; or the operation's own, where QK-norm would cancel it."""
        try:
            OPERATIONS[operation].check(factor, has_q_norm=self.modules.has_q_norm)
        except GeometryError:
            return OPERATIONS[operation].default_factor
        return factor


def edits_of(heads: Sequence[HeadRef], operation: OperationName, factor: float) -> tuple[HeadEdit, ...]:
    """The same operation on several heads."""
    return tuple(HeadEdit(layer=head.layer, head=head.head, operation=operation, factor=factor) for head in heads)


@contextmanager
def load_subject(checkpoint: Checkpoint, conditions: Conditions, name: str) -> Iterator[Subject]:
    """Load a model; afterwards its memory is free again.

    Raises:
        ModelError, UsageError: It can't be loaded here.
        PromptError: No prompt fits into its context.
        ArchitectureError, GeometryError: Its heads are not where the table says.
    """
    with loaded_model(checkpoint, conditions, name) as loaded:
        template = load_template(conditions.template, loaded.tokenizer)
        sets = tuple(fit_prompts(loaded, prompts, template=template, decoding=conditions.decoding) for prompts in conditions.sets)
        yield Subject(loaded=loaded, modules=locate_modules(loaded.model), sets=sets, conditions=conditions)


@contextmanager
def loaded_model(checkpoint: Checkpoint, conditions: Conditions, name: str) -> Iterator[LoadedModel]:
    """A model, gone from memory afterwards as far as we hold it."""
    if conditions.report is not None:
        conditions.report(f"loading {name}", 0, 1)
    loaded = conditions.runtime.load(checkpoint)
    model: Any = loaded.model
    try:
        yield loaded
    finally:
        model.to("meta")
        if torch.cuda.is_available():
            torch.cuda.empty_cache()
