"""Heads ablated, answers judged: Tables 3, 5 and 7, Figure 4b, and the table of parameter shares.

Tables 3, 5 and 7 ablate growing groups of heads: at data-set level Sahara's group for the set, at query level the heads of highest
Ships for each query, for that query alone. Figure 4b ablates every head by itself. All variants answer in the same batches.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from headsurgery.edits.anatomy import Anatomy
from headsurgery.edits.operations import OperationName
from headsurgery.evaluation.parameters import paper_share
from headsurgery.paper.choice import Groups, HeadStore, choose_by_mean, choose_by_query, choose_group, to_names
from headsurgery.paper.counting import BASE, Case, set_name
from headsurgery.paper.records import ResultRow
from headsurgery.paper.settings import ExperimentSettings, Level, Quantity, Setting
from headsurgery.paper.subject import Subject, edits_of
from headsurgery.prompts import PromptSet

UNTOUCHED: Setting = {"operation": "none"}


def ablate_groups(subject: Subject, settings: ExperimentSettings, store: HeadStore) -> Iterator[Case]:
    """Tables 3, 5 and 7: by set, operation, level and number of heads.

    Raises:
        UsageError: Too few prompts or heads.
    """
    for prompts in subject.sets:
        yield _ask_untouched(subject, prompts)
        for operation in settings.operations:
            for level in settings.levels:
                groups = _choose(subject, prompts, operation, level, settings, store)
                for size in settings.group_sizes:
                    yield _ask_ablated(subject, prompts, operation, level, [group[:size] for group in groups], settings)


def ablate_single_heads(
    subject: Subject, settings: ExperimentSettings, store: HeadStore, *, limit: int | None = None
) -> Iterator[Case]:
    """Figure 4b: every head by itself.

    Args:
        subject: The model.
        settings: The experiment.
        store: Choices, where heads are limited.
        limit: Only so many heads, those of the highest mean Ships on the set; None: all.
    """
    geometry = subject.modules.geometry
    for prompts in subject.sets:
        yield _ask_untouched(subject, prompts)
        for operation in settings.operations:
            heads = list(geometry.heads())
            if limit is not None:
                count = min(limit, len(heads))
                find = partial(choose_by_mean, subject, prompts, operation, settings.factor, count)
                [heads] = store.get(f"{prompts.name}, {operation}, {count} of highest mean Ships", find)
            for head in heads:
                variant = f"{operation} {head}"
                subject.ask(variant, prompts, edits=edits_of([head], operation, subject.factor(operation, settings.factor)))
                setting: Setting = {"set": set_name(prompts), "operation": operation, "head": str(head)}
                yield Case(variant=variant, set=prompts.name, setting=setting, quantity="ASR", heads=(str(head),))


def count_shares(settings: ExperimentSettings, anatomy: Anatomy, parameters: int) -> list[ResultRow]:
    """Share of parameters that an ablation changes, counted and as the paper seems to count; which heads doesn't matter."""
    first = list(anatomy.geometry.heads())[: max(settings.group_sizes)]
    rows = []
    for operation in settings.operations:
        for size in settings.group_sizes:
            edits = edits_of(first[:size], operation, settings.factor)
            shares: dict[Quantity, float] = {
                "share of parameters, counted": anatomy.count_changed(edits) / parameters,
                "share of parameters, paper's way": paper_share(edits, anatomy.geometry),
            }
            setting: Setting = {"operation": operation, "heads": size}
            rows += [
                ResultRow(setting=setting, quantity=quantity, ours=share, paper=settings.figure(quantity, setting))
                for quantity, share in shares.items()
            ]
    return rows


def _choose(
    subject: Subject, prompts: PromptSet, operation: OperationName, level: Level, settings: ExperimentSettings, store: HeadStore
) -> Groups:
    find, size = choose_group if level == "dataset" else choose_by_query, max(settings.group_sizes)
    return store.get(choice_key(prompts.name, operation, level), lambda: find(subject, prompts, operation, settings.factor, size))


def choice_key(prompts: str, operation: OperationName, level: Level) -> str:
    """What a choice is called in `heads.json`."""
    return f"{prompts}, {operation}, {level}"


def _ask_untouched(subject: Subject, prompts: PromptSet) -> Case:
    subject.ask(BASE, prompts)
    return Case(variant=BASE, set=prompts.name, setting={"set": set_name(prompts), **UNTOUCHED}, quantity="ASR")


def _ask_ablated(
    subject: Subject, prompts: PromptSet, operation: OperationName, level: Level, groups: Groups, settings: ExperimentSettings
) -> Case:
    size, factor = len(groups[0]), subject.factor(operation, settings.factor)
    variant = f"{operation} {level} {size}"
    edits = [edits_of(group, operation, factor) for group in groups]
    if level == "dataset":
        subject.ask(variant, prompts, edits=edits[0])
    else:
        subject.ask(variant, prompts, own_edits=edits)
    return Case(
        variant=variant,
        set=prompts.name,
        setting={"set": set_name(prompts), "operation": operation, "level": level, "heads": size},
        quantity=settings.quantity,
        heads=to_names(groups[0]) if level == "dataset" else (),
    )
