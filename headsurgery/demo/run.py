"""The whole claim on one model: find the heads, ablate them, measure beside random heads, and bring refusals back.

In the planted model refusal was trained into four known heads of SmolLM2-135M-Instruct (`planting`), so that the answer of the
attribution can be checked. In a user's model nobody knows the heads; there the curve on held-out prompts and the random heads are
the check. Prompts that the attribution saw are not among those that the effect is measured on. Neighbour: `subject` says what the
two stories differ in.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch

from headsurgery.attribution import Attribution, AttributionOptions, attribute
from headsurgery.attribution.curve import MIN_REFUSED
from headsurgery.attribution.gates import NothingToReinforceError
from headsurgery.attribution.identity import VERSIONS, identify_weights, read_sweep_dtype
from headsurgery.attribution.refusal import NoRefusalError
from headsurgery.attribution.reinforce import NoReinforcementError
from headsurgery.attribution.scores import best_heads
from headsurgery.behaviour.answers import Answer
from headsurgery.comparing.diff import diff_checkpoints
from headsurgery.comparing.result import CheckpointDiff
from headsurgery.demo.fetch import Say
from headsurgery.demo.subject import Subject
from headsurgery.edits.anatomy import prove_anatomy, record_base
from headsurgery.engine.journal import SweepJournal
from headsurgery.errors import HeadSurgeryError
from headsurgery.evaluation.journal import JournalError
from headsurgery.evaluation.records import Evaluation
from headsurgery.evaluation.run import ANSWERS, EvaluationResult, evaluate
from headsurgery.heads import HeadRef
from headsurgery.model.editing import edited
from headsurgery.model.loading import LoadedModel, choose_device, load_model
from headsurgery.model.memory import free_memory
from headsurgery.model.precision import choose_precision, dtype_name
from headsurgery.options import ModelOptions, PromptOptions
from headsurgery.progress import Progress
from headsurgery.prompts import PromptSet
from headsurgery.recipe import HeadEdit, Provenance, Recipe
from headsurgery.report.write import PICTURES, write_report
from headsurgery.storage.checkpoint import Checkpoint, open_checkpoint
from headsurgery.surgery.apply import apply_plan
from headsurgery.surgery.manifest import Manifest
from headsurgery.surgery.plan import plan_surgery
from headsurgery.version import __version__

NUM_DRAWS = 2
NEW_TOKENS = 40

_REPORT, _REINFORCEMENT = "report", "reinforcement"
"""Folders of the two evaluations."""

_RECIPES = ("weakened", "reinforced")
"""Recipes that the second one compares."""

_ROOM = 1.2
"""A second copy of the model is loaded where this many times its size is free."""


class NothingFoundError(HeadSurgeryError):
    """No group of heads takes refusals away within the bounds, or too few prompts are refused to tell.

    Args:
        attribution: What was tried.
        hint: What to do next.
    """

    def __init__(self, attribution: Attribution, *, hint: str) -> None:
        assert attribution.curve is not None  # it says so
        super().__init__(f"there is nothing to show on this model: {attribution.curve.why}", hint=hint)
        self.attribution = attribution


@dataclass(frozen=True, kw_only=True)
class Reinforced:
    """What brings refusals back.

    Args:
        attribution: Heads and factors.
        evaluation: Base, the weakened model, and that one reinforced, on the prompts that the ablation was measured on.
    """

    attribution: Attribution
    evaluation: Evaluation


@dataclass(frozen=True, kw_only=True)
class DemoResult:
    """What the demo made.

    Args:
        subject: The model, and how its story was told.
        ranks: The place of each planted head in the attribution's ranking, from 1; None: it was screened out.
        attribution: What was found.
        manifest: Of the edited checkpoint.
        diff: Between base and edited, checked against the recipe.
        hooks_equal_bytes: Whether the hooked base and the reloaded edited checkpoint give bit-identical logits; None: there is no
            memory for both.
        ablation: Base, ablated and random heads on prompts that the attribution didn't see.
        answers: Of the ablation.
        reinforced: What brings the weakened model's refusals back; None: nothing did.
        left_out: Stages that don't work on this model, and why.
    """

    subject: Subject
    ranks: tuple[int | None, ...]
    attribution: Attribution
    manifest: Manifest
    diff: CheckpointDiff
    hooks_equal_bytes: bool | None
    ablation: Evaluation
    answers: tuple[Answer, ...]
    reinforced: Reinforced | None
    left_out: tuple[str, ...]


def run_demo(subject: Subject, output: Path, say: Say, report: Progress) -> DemoResult:
    """Run every step.

    Args:
        subject: The model, and how its story is told.
        output: Existing directory for recipes, checkpoints and the report. Those of an earlier demo are replaced; its scores and
            answers are taken where everything that they depend on is the same.
        say: Called with what happens.
        report: Called with a stage, and done and in all.

    Raises:
        ModelError: The model refuses none of the prompts.
        NothingFoundError: No group of heads is worth ablating.
        HeadSurgeryError: A step failed.
    """
    run = _DemoRun.open(subject, output, say, report)
    found = run.find()
    manifest, diff = run.apply(found.recipe)
    equal = run.compare_logits(found.recipe)
    say("evaluate: base, ablated heads, random heads of the same layers, on the other prompts")
    measured = run.measure(["recipe"], found, draws=NUM_DRAWS, folder=_REPORT)
    left_out = []
    if not subject.planted:
        left_out.append("ranks of the right heads, because refusal was not planted into this model and nobody knows them")
    if equal is None:
        left_out.append("comparing logits of hooks and bytes, because there is no memory for a second copy of the model")
    reinforced = None
    try:
        reinforced = run.reinforce(found.recipe)
    except (NoReinforcementError, NothingToReinforceError) as error:
        left_out.append(f"reinforcing, because with its {subject.weakened} multiplied by {subject.weak_factor:g} {error}")
    order = best_heads(found.scores.combined, found.scores.combined.size)
    return DemoResult(
        subject=subject,
        ranks=tuple(order.index(head) + 1 if head in order else None for head in subject.planted),
        attribution=found,
        manifest=manifest,
        diff=diff,
        hooks_equal_bytes=equal,
        ablation=measured.evaluation,
        answers=measured.answers,
        reinforced=reinforced,
        left_out=tuple(left_out),
    )


@dataclass(frozen=True, kw_only=True)
class _DemoRun:
    """What the stages share."""

    subject: Subject
    output: Path
    checkpoint: Checkpoint
    base: LoadedModel
    loading: ModelOptions
    """With the type that was chosen."""
    say: Say
    report: Progress

    @classmethod
    def open(cls, subject: Subject, output: Path, say: Say, report: Progress) -> _DemoRun:
        """Load the model. On a CPU, it keeps the type that an earlier demo chose."""
        source = subject.source
        say(f"{source.model}: {_say_split(subject)}")
        checkpoint = open_checkpoint(source.path, model=source.model, revision=source.revision)
        prove_anatomy(checkpoint)
        loading = replace(subject.loading, revision=None)  # a directory has none
        earlier = read_sweep_dtype(_scores_of(output, "attribution"), {"weights": identify_weights(checkpoint)})
        precision = choose_precision(loading.dtype, choose_device(loading.device), source.path, journal_dtype=earlier)
        if precision.reason is not None:
            say(f"running in {precision.reason}")
            loading = replace(loading, dtype=precision.name)
        base = _load(source.path, loading)
        _remove_earlier(output)
        return cls(subject=subject, output=output, checkpoint=checkpoint, base=base, loading=loading, say=say, report=report)

    def find(self) -> Attribution:
        """Find the heads to ablate, and write their recipe.

        Raises:
            ModelError: The model refuses none of the prompts.
            NothingFoundError: A curve was measured, and recommends no group.
        """
        subject = self.subject
        try:
            found = self._attribute("attribution", subject.control, subject.options)
        except NoRefusalError as error:
            raise NoRefusalError(str(error), hint=_MORE_REFUSED) from error
        if found.curve is not None and found.curve.recommended is None:
            raise NothingFoundError(found, hint=_MORE_REFUSED if found.curve.base.refused < MIN_REFUSED else _TRY_FREE)
        found.recipe.save(self.output / "recipe.json")
        return found

    def apply(self, recipe: Recipe) -> tuple[Manifest, CheckpointDiff]:
        """Write the edited checkpoint, and compare it with its base."""
        target = self.output / "edited"
        self.say(f"apply: {target}")
        manifest = apply_plan(plan_surgery(recipe, self.checkpoint), target, force=True, on_progress=self.report)
        self.say("diff: base and edited, byte by byte")
        return manifest, diff_checkpoints(self.checkpoint, open_checkpoint(target), recipe=recipe, on_progress=self.report)

    def compare_logits(self, recipe: Recipe) -> bool | None:
        """Whether hooks and bytes give the same logits; None where there is no memory for both."""
        weights = list(self.base.model.parameters())
        free = free_memory(weights[0].device)
        if free is not None and free < _ROOM * sum(weight.nbytes for weight in weights):
            return None
        with edited(self.base.model, recipe):
            hooked = _logits(self.base)
        return torch.equal(hooked, _logits(_load(self.output / "edited", self.loading)))

    def measure(self, names: Sequence[str], found: Attribution, *, draws: int, folder: str) -> EvaluationResult:
        """Measure recipes of the output folder on prompts that the attribution did not see, and write a report."""
        measured = self._evaluate(names, draws=draws, folder=folder)
        write_report(
            measured.evaluation,
            measured.answers,
            self.output / folder,
            scores=found.scores,
            unit=found.scores.unit,
            frontier=None if found.frontier is None else found.frontier.points,
            marked=self.subject.planted,
        )
        return measured

    def reinforce(self, recipe: Recipe) -> Reinforced:
        """Weaken heads, and find what brings refusals back. Both are live: factors multiply.

        Raises:
            NoReinforcementError: Nothing does within the search's bounds.
            NothingToReinforceError: The weakened model refuses all prompts.
        """
        subject = self.subject
        heads = subject.planted or tuple(edit.ref for edit in recipe.edits)
        weak = tuple(HeadEdit(layer=head.layer, head=head.head, factor=subject.weak_factor) for head in heads)
        self.say(
            f"attribute --intent reinforce: the {subject.weakened} are multiplied by {subject.weak_factor:g}; which heads bring "
            "refusals back?"
        )
        options = replace(subject.options, intent="reinforce")
        found = self._attribute(_RECIPES[0], subject.harmless.seen, options, weak)
        for name, edits in zip(_RECIPES, (weak, _multiply(weak, found.recipe.edits)), strict=True):
            Recipe(edits=edits, provenance=Provenance(note=f"headsurgery demo: {name}")).save(self.output / f"{name}.json")
        self.say("evaluate: base, weakened and reinforced, on the other prompts")
        measured = self.measure(_RECIPES, found, draws=0, folder=_REINFORCEMENT)
        return Reinforced(attribution=found, evaluation=measured.evaluation)

    def _attribute(
        self, name: str, harmless: PromptSet, options: AttributionOptions, edits: tuple[HeadEdit, ...] = ()
    ) -> Attribution:
        """Attribute with some edits in force. Scores go into a journal, so that a later demo need not make them again."""
        harmful = self.subject.harmful.seen
        self.say(f"attribute --method {options.method}: {harmful.name} and {harmless.name}")
        weights = next(self.base.model.parameters())
        settings = {
            "weights": identify_weights(self.checkpoint),
            "edits": [edit.model_dump() for edit in edits],
            "dtype": dtype_name(weights.dtype),
            "device": weights.device.type,
            "versions": {"headsurgery": __version__} | VERSIONS,
        }
        with (
            SweepJournal(_scores_of(self.output, name), settings, force=True) as journal,
            edited(self.base.model, edits) if edits else nullcontext(),
        ):
            if journal.num_pairs or journal.num_notes:
                self.say(
                    f"reusing what an earlier demo has in {journal.path.name}: {journal.num_pairs} scores (head, query) and "
                    f"{journal.num_notes} other results"
                )
            return attribute(
                self.base.model,
                self.base.tokenizer,
                harmful,
                harmless=harmless,
                options=options,
                template=self.subject.template,
                base=record_base(self.checkpoint, prove_anatomy(self.checkpoint)),
                journal=journal,
                on_progress=self.report,
            )

    def _evaluate(self, names: Sequence[str], *, draws: int, folder: str) -> EvaluationResult:
        """Ask base and recipes; answers of an earlier demo to the same questions are taken."""

        def ask(*, force: bool) -> EvaluationResult:
            return evaluate(
                [self.output / f"{name}.json" for name in names],
                base=self.subject.source.path,
                prompts=[self.subject.harmful.measured, self.subject.harmless.measured],
                random_draws=draws,
                max_new_tokens=NEW_TOKENS,
                reading=PromptOptions(template=self.subject.template),
                model=self.loading,
                running=self.base,
                out=self.output / folder,
                force=force,
                on_progress=self.report,
            )

        if (self.output / folder / ANSWERS).exists():
            self.say(f"reusing answers of an earlier demo in {folder}/{ANSWERS}, if they are of the same edits")
        try:
            return ask(force=False)
        except JournalError:  # of other edits, or damaged
            return ask(force=True)


_MORE_REFUSED = (
    "give --prompts of which the model refuses more; for a model that thinks first, headsurgery attribute takes --answer-tokens "
    "and --template"
)
_TRY_FREE = (
    "give every head a factor of its own, with headsurgery attribute MODEL --method gates --factors free, or other --prompts"
)


def _scores_of(output: Path, name: str) -> Path:
    return output / f"{name}.sweep"


def _say_split(subject: Subject) -> str:
    parts = ((subject.harmful.seen, subject.harmless.seen), (subject.harmful.measured, subject.harmless.measured))
    seen, measured = (f"{len(harmful.texts)} harmful and {len(harmless.texts)} harmless" for harmful, harmless in parts)
    return f"heads are searched on {seen} prompts. Their effect is measured on {measured} others"


def _remove_earlier(output: Path) -> None:
    """What an earlier demo found, so that all that lies there in the end belongs together. Its scores and answers stay."""
    recipes = (output / f"{name}.json" for name in ("recipe", *_RECIPES))
    reports = (output / folder / name for folder in (_REPORT, _REINFORCEMENT) for name in ("report.html", "report.json", *PICTURES))
    for path in (*recipes, *reports):
        if path.is_file():
            path.unlink()


def _load(path: Path, loading: ModelOptions) -> LoadedModel:
    return load_model(path, dtype=loading.dtype, device=loading.device, trust_remote_code=loading.trust_remote_code)


def _multiply(*edits: tuple[HeadEdit, ...]) -> tuple[HeadEdit, ...]:
    """One edit per head, with the product of its factors."""
    factors: dict[HeadRef, float] = {}
    for edit in (edit for part in edits for edit in part):
        factors[edit.ref] = factors.get(edit.ref, 1.0) * edit.factor
    return tuple(HeadEdit(layer=head.layer, head=head.head, factor=factor) for head, factor in factors.items())


@torch.inference_mode()
def _logits(loaded: LoadedModel) -> torch.Tensor:
    ids: Any = loaded.tokenizer("What is the capital of France?", return_tensors="pt")["input_ids"]
    logits: torch.Tensor = loaded.model(input_ids=ids.to(next(loaded.model.parameters()).device)).logits
    return logits
