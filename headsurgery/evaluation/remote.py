"""Ask a model behind a server, and compare it with the base's answers from an earlier report.

A server's weights can't be read, so there is no measure of damage and no random control. Neighbours: `endpoints` talks to the
server; `local` is the counterpart for models in this process.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from headsurgery.behaviour.answers import Answer, Decoding
from headsurgery.endpoints.endpoint import Endpoint, ask_endpoint
from headsurgery.errors import UsageError
from headsurgery.evaluation.journal import MemoryJournal, read_answers
from headsurgery.evaluation.records import Variant
from headsurgery.evaluation.variants import BASE
from headsurgery.progress import Progress, of_stage
from headsurgery.prompts import PromptSet, Template, load_template

_REPORT = "report.json"
_THOUGHTS = "<think>"
"""Stands for the mark, whatever it is, with which a server's template opens thoughts."""


@dataclass(frozen=True, kw_only=True)
class BaseAnswers:
    """The base's answers from an earlier run.

    Args:
        model: The base's name there.
        answers: One answer for every set, seed and prompt.
    """

    model: str
    answers: tuple[Answer, ...]


def read_base_answers(path: Path, sets: Sequence[PromptSet], decoding: Decoding) -> BaseAnswers:
    """Read the base's answers from a report: those of the variant `base`, or of the only variant.

    Raises:
        UsageError: There are several variants but no base, or an answer to a prompt, set or seed is missing.
        JournalError: The file can't be read.
    """
    answers = read_answers(path)
    names = list(dict.fromkeys(answer.variant for answer in answers))
    if BASE not in names and len(names) != 1:
        raise UsageError(f"--base-answers {path.name}: expected answers of a base, found {', '.join(names) or 'none'}")
    name = BASE if BASE in names else names[0]
    found = {(answer.set, answer.seed, answer.index): answer for answer in answers if answer.variant == name}
    chosen = []
    for prompts in sets:
        for seed in decoding.seeds:
            for index, prompt in enumerate(prompts.texts):
                answer = found.get((prompts.name, seed, index))
                if answer is None or answer.prompt != prompt:
                    raise UsageError(
                        f"--base-answers {path.name}: no answer of {name} to {prompts.name}[{index}] with seed {seed}",
                        hint="ask the base with the same --prompts, --limit and --seed",
                    )
                chosen.append(answer.model_copy(update={"variant": BASE}))
    return BaseAnswers(model=_name_of(path, name), answers=tuple(chosen))


def choose_server_template(source: str | None, decoding: Decoding) -> Template | None:
    """A template with its own text, or None for the server's chat template.

    Raises:
        PromptError, UsageError: It can't be found, or can't be used in this way.
    """
    if source in (None, "chat"):
        return None
    template = load_template(source, tokenizer=None)
    if decoding.system is not None:
        raise UsageError(f"template {template.name} has no place for a system message", hint="use --template chat")
    return template


def ask_server(
    endpoint: Endpoint,
    sets: Sequence[PromptSet],
    template: Template | None,
    decoding: Decoding,
    *,
    base: BaseAnswers | None,
    journal: MemoryJournal,
    report: Progress | None = None,
) -> tuple[Variant, ...]:
    """Let the server answer every prompt.

    Args:
        endpoint: The server.
        sets: The prompts.
        template: How they are asked; None: by the server's own template.
        decoding: Method, limit and seeds.
        base: Answers to compare with.
        journal: Stores the answers. Those that it already has are not requested again.
        report: Called with the stage, the work done, and the total.

    Returns:
        The base, if its answers are given, and the server's model.

    Raises:
        EndpointError: The server can't be reached, refuses the request, or gives no usable answer.
        JournalError: The answers can't be written.
    """
    name = endpoint.model if endpoint.model != BASE else f"{BASE}-2"
    progress = of_stage(report, "answers")
    total, before = len(decoding.seeds) * sum(len(prompts.texts) for prompts in sets), 0
    for prompts in sets:
        for seed in decoding.seeds:
            present = journal.present(variant=name, prompt_set=prompts.name, seed=seed)
            batches = ask_endpoint(
                endpoint,
                prompts,
                template=template,
                decoding=decoding,
                variant=name,
                seed=seed,
                skip=present,
                on_progress=None if progress is None else lambda done, _, start=before: progress(start + done, total),  # type: ignore[misc]
            )
            for batch in batches:
                journal.append(batch)
            before += len(prompts.texts)
    if base is None:
        return (Variant(name=name, kind="base"),)
    journal.append(_absent(base.answers, journal))
    return Variant(name=BASE, kind="base"), Variant(name=name, kind="checkpoint")


def describe_changes(answers: Sequence[Answer], decoding: Decoding) -> tuple[Decoding, tuple[str, ...]]:
    """Find out from the answers how a server decoded, and what it did not accept. So a resumed run reports the same.

    Args:
        answers: The server's answers.
        decoding: What was requested.

    Returns:
        What was used, and notes for the user.
    """
    changes = Counter(change for answer in answers for change in answer.changed)
    if not changes:
        return decoding, ()
    said = "; ".join(f"{change} ({count} of {len(answers)} answers)" for change, count in changes.items())
    notes = [f"the server does not accept the request as it is, so it was changed: {said}"]
    temperatures = [float(words[1]) for change in changes if (words := change.split())[0] == "temperature"]
    sampling = ("no top_k", "no seed") if decoding.method == "top_k" else ()
    if not temperatures and not changes.keys() & {"no temperature", *sampling}:
        return decoding, tuple(notes)
    notes.append("the server decodes in its own way, so answers may differ from run to run")
    used = {"method": "server", "temperature": temperatures[0] if temperatures else decoding.temperature}
    return decoding.model_copy(update=used | ({"top_k": None} if "no top_k" in changes else {})), tuple(notes)


def find_cut_thoughts(answers: Sequence[Answer], variant: str) -> tuple[tuple[Answer, ...], tuple[str, ...]]:
    """Find answers that were cut within thoughts which the server's chat template opens. Only other answers reveal this.

    A server that does not separate thoughts from replies returns `thoughts</think>reply`. An answer that was cut has no mark at
    all. It is recognised because other answers have one.

    Returns:
        All answers, and notes. Answers that were cut get the mark that their prompt must have left open.
    """
    own = [answer for answer in answers if answer.variant == variant]
    if not any(answer.split.is_headless for answer in own):
        return tuple(answers), ()

    def is_cut(answer: Answer) -> bool:
        has_no_mark = answer.opened is None and answer.thoughts is None and not answer.split.thoughts and not answer.split.is_open
        return answer.variant == variant and not answer.finished and has_no_mark and answer.refused_by is None

    found = tuple(answer.model_copy(update={"opened": _THOUGHTS}) if is_cut(answer) else answer for answer in answers)
    count = sum(map(is_cut, answers))
    if not count:
        return found, ()
    note = f"{count} answers were cut and contain no mark of thoughts. Other answers of this server end thoughts that its chat"
    return found, (f"{note} template opens, so these count as cut within their thoughts.",)


def _absent(answers: Sequence[Answer], journal: MemoryJournal) -> Iterator[Answer]:
    for answer in answers:
        if answer.index not in journal.present(variant=answer.variant, prompt_set=answer.set, seed=answer.seed):
            yield answer


def _name_of(answers: Path, variant: str) -> str:
    """The base's name in the report next to its answers."""
    import json

    try:
        document = json.loads((answers.parent / _REPORT).read_bytes())
        return str(document["base"])
    except (OSError, ValueError, LookupError, TypeError):
        return variant
