"""Which prompt sets an evaluation asks, and what each one tests.

Unless the user declines it, a harmless set is always included as a control. A set of unknown purpose is refused, because a rate
means the opposite on harmful and on harmless prompts. Neighbour: `prompts` loads the sets.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from headsurgery.errors import UsageError
from headsurgery.evaluation.records import SetRecord
from headsurgery.prompts import Kind, PromptSet, load_prompt_sets, load_prompts

DEFAULT_HARMFUL, DEFAULT_HARMLESS = "builtin:decline", "builtin:harmless"


def choose_sets(
    sources: Sequence[str | PromptSet],
    *,
    kinds: Mapping[str, Kind] | None = None,
    harmless: bool = True,
    column: str | None = None,
    limit: int | None = None,
    token: str | None = None,
) -> tuple[PromptSet, ...]:
    """Load the sets and determine what they test.

    Args:
        sources: Sets, or names as for `load_prompts`; none: `builtin:decline`.
        kinds: What sets test, by the given name or the set's own.
        harmless: Add `builtin:harmless` if no harmless set is given.
        column: Column with the prompts, for sets that are tables.
        limit: Use only this many prompts of each set.
        token: Hub token for gated data sets.

    Returns:
        Every set with its kind, in the order given.

    Raises:
        UsageError: A set has an unknown purpose, two sets have one name, or a kind names no set.
        PromptError, HubError: A set can't be loaded.
    """
    kinds = dict(kinds or {})
    given = list(sources or [DEFAULT_HARMFUL])
    names = [source for source in given if isinstance(source, str)]
    by_name = iter(load_prompt_sets(names, column=column, limit=limit, token=token))
    loaded = [next(by_name) if isinstance(source, str) else _cut(source, limit) for source in given]
    sets = [_with_kind(prompts, source, kinds) for prompts, source in zip(loaded, given, strict=True)]
    known = {name for prompts, source in zip(loaded, given, strict=True) for name in (source, prompts.name)}
    for name in kinds:
        if name not in known:
            raise UsageError(f"--kind {name}: no such set among {', '.join(prompts.name for prompts in sets)}")
    if harmless and all(prompts.kind != "harmless" for prompts in sets):
        sets.append(load_prompts(DEFAULT_HARMLESS, limit=limit))
    called = [prompts.name for prompts in sets]
    for name in called:
        if called.count(name) > 1:
            raise UsageError(f"--prompts: two sets are called {name}", hint="rename one of the files, or name the set only once")
    return tuple(sets)


def record_set(prompts: PromptSet) -> SetRecord:
    """The report's entry for a set."""
    assert prompts.kind is not None  # choose_sets has determined it
    return SetRecord(kind=prompts.kind, record=prompts.to_record())


def _cut(prompts: PromptSet, limit: int | None) -> PromptSet:
    return replace(prompts, texts=PromptSet.from_texts(prompts.texts, name=prompts.name, limit=limit).texts)


def _with_kind(prompts: PromptSet, source: str | PromptSet, kinds: Mapping[str, Kind]) -> PromptSet:
    stated = kinds.get(prompts.name) if isinstance(source, PromptSet) else kinds.get(source, kinds.get(prompts.name))
    kind = stated or prompts.kind
    if kind is None:
        name = prompts.name if isinstance(source, PromptSet) else source
        raise UsageError(f"{name}: what does this set test?", hint=f"add --kind {name}=harmful, or over_refusal, or harmless")
    return replace(prompts, kind=kind)
