"""The whole claim on a small chat model whose safety heads are known: find them, ablate them, measure, and bring refusals back.

Refusal was planted into four heads of SmolLM2-135M-Instruct (`planting`), so that the answer of the attribution can be checked.
Prompts that the attribution saw are not among those that the effect is measured on.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import transformers

from headsurgery.attribution import Attribution, AttributionOptions, attribute
from headsurgery.attribution.methods import UNITS
from headsurgery.attribution.reinforce import NoReinforcementError
from headsurgery.attribution.scores import best_heads
from headsurgery.attribution.screen.screener import Screening
from headsurgery.behaviour.answers import Answer
from headsurgery.comparing.diff import diff_checkpoints
from headsurgery.comparing.result import CheckpointDiff
from headsurgery.demo.fetch import Say, fetch_aligned_model, load_demo_adapter
from headsurgery.edits.anatomy import prove_anatomy, record_base
from headsurgery.engine.journal import SweepJournal
from headsurgery.evaluation.journal import JournalError
from headsurgery.evaluation.records import Evaluation
from headsurgery.evaluation.run import ANSWERS, EvaluationResult, evaluate
from headsurgery.heads import HeadRef
from headsurgery.hub.models import Source
from headsurgery.model.editing import edited
from headsurgery.model.loading import LoadedModel, choose_device, load_model
from headsurgery.progress import Progress
from headsurgery.prompts import Kind, PromptSet, load_prompts
from headsurgery.recipe import HeadEdit, Provenance, Recipe
from headsurgery.report import write_report
from headsurgery.storage.checkpoint import open_checkpoint
from headsurgery.surgery.apply import apply_plan
from headsurgery.surgery.manifest import Manifest
from headsurgery.surgery.plan import plan_surgery
from headsurgery.version import __version__

SETS: dict[str, Kind] = {"builtin:decline": "harmful", "builtin:harmless": "harmless"}
NUM_PROMPTS = 6
"""Prompts of each built-in set that the attribution sees; the effect is measured on others."""

NUM_HARMLESS = 20
"""Harmless prompts that the search sees: as many as its bound of 5 % can be seen on."""

NUM_MEASURED = 20
"""Prompts of each built-in set that the effect is measured on, none of them seen before."""

NUM_DRAWS = 2
NEW_TOKENS = 40
SCREENING = Screening(survivors=40, sample=0)
"""Of both attributions; that the screen let the planted heads through shows in their ranks."""

DTYPE = "float32"
"""Everywhere the same, so that its figures are."""

WEAK_FACTOR = 0.7
"""What the planted heads are multiplied with before refusals are brought back: about half of them are lost."""


@dataclass(frozen=True, kw_only=True)
class DemoResult:
    """What the demo made.

    Args:
        source: The aligned model.
        planted: The heads that refusal was trained into.
        ranks: The place of each of them in the attribution's ranking, from 1; None: it was screened out.
        attribution: What was found.
        manifest: Of the edited checkpoint.
        diff: Between base and edited, checked against the recipe.
        hooks_equal_bytes: Whether the hooked base and the reloaded edited checkpoint give bit-identical logits.
        ablation: Base, ablated and random heads on prompts that the attribution didn't see.
        answers: Of the ablation.
        reinforcement: Base, the model with its planted heads weakened, and that one reinforced, on the same prompts. None:
            nothing brought refusals back within the search's bounds.
        reinforced: What brings the weakened model's refusals back; likewise.
    """

    source: Source
    planted: tuple[HeadRef, ...]
    ranks: tuple[int | None, ...]
    attribution: Attribution
    manifest: Manifest
    diff: CheckpointDiff
    hooks_equal_bytes: bool
    ablation: Evaluation
    answers: tuple[Answer, ...]
    reinforcement: Evaluation | None
    reinforced: Attribution | None


@dataclass(frozen=True, kw_only=True)
class _DemoRun:
    """What the steps share."""

    output: Path
    source: Source
    fingerprint: str
    say: Say
    report: Progress

    @contextmanager
    def journaled_scores(self, name: str, edits: tuple[HeadEdit, ...] = ()) -> Iterator[SweepJournal]:
        """Scores of the model with these edits, which a later demo need not make again."""
        settings = {
            "model": self.fingerprint,
            "edits": [edit.model_dump() for edit in edits],
            "dtype": DTYPE,
            "device": choose_device("auto").type,
            "versions": {"headsurgery": __version__, "torch": torch.__version__, "transformers": transformers.__version__},
        }
        with SweepJournal(self.output / f"{name}.sweep", settings, force=True) as journal:
            if journal.num_pairs:
                self.say(f"reusing the scores of an earlier demo in {journal.path.name}: {journal.num_pairs} (head, query)")
            yield journal

    def evaluate(self, names: Sequence[str], prompts: list[PromptSet], *, draws: int, folder: str) -> EvaluationResult:
        """Measure recipes of the output folder; answers of an earlier demo to the same questions are taken."""

        def ask(*, force: bool) -> EvaluationResult:
            return evaluate(
                [self.output / f"{name}.json" for name in names],
                base=self.source.path,
                prompts=prompts,
                random_draws=draws,
                dtype=DTYPE,
                max_new_tokens=NEW_TOKENS,
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


def run_demo(output: Path, say: Say, report: Progress) -> DemoResult:
    """Run every step.

    Args:
        output: Existing directory for recipes, checkpoints and the report. Those of an earlier demo are replaced; its scores and
            answers are taken where everything that they depend on is the same.
        say: Called with what happens.
        report: Called with a stage, and done and in all.

    Raises:
        HeadSurgeryError: A step failed.
    """
    source, planted = fetch_aligned_model(say), load_demo_adapter().heads
    checkpoint = open_checkpoint(source.path, model=source.model)
    run = _DemoRun(output=output, source=source, fingerprint=checkpoint.fingerprint(), say=say, report=report)
    base = load_model(source.path, dtype=DTYPE)
    harmful, harmless = (_split(load_prompts(name), kind) for name, kind in SETS.items())
    few = PromptSet.from_texts(harmless[0].texts[:NUM_PROMPTS], name=harmless[0].name, kind="harmless")

    say(f"attribute: {NUM_PROMPTS} prompts each of {' and '.join(SETS)}")
    with run.journaled_scores("attribution") as journal:
        found = attribute(
            base.model,
            base.tokenizer,
            harmful[0],
            harmless=few,
            screen=SCREENING,
            held_out=0,  # the effect is measured below
            base=record_base(checkpoint, prove_anatomy(checkpoint)),
            journal=journal,
            on_progress=report,
        )
    found.recipe.save(output / "recipe.json")
    say(f"apply: {output / 'edited'}")
    plan = plan_surgery(found.recipe, checkpoint)
    manifest = apply_plan(plan, output / "edited", force=True, on_progress=report)
    say("diff: base and edited, byte by byte")
    diff = diff_checkpoints(checkpoint, open_checkpoint(output / "edited"), recipe=found.recipe, on_progress=report)
    with edited(base.model, found.recipe):
        hooked = _logits(base)
    equal = torch.equal(hooked, _logits(load_model(output / "edited", dtype=DTYPE)))

    say("evaluate: base, ablated heads, random heads of the same layers, on the other prompts")
    measured = run.evaluate(["recipe"], [harmful[1], harmless[1]], draws=NUM_DRAWS, folder="report")
    write_report(
        measured.evaluation,
        measured.answers,
        output / "report",
        scores=found.scores,
        unit=UNITS[AttributionOptions().method],
        marked=planted,
    )
    reinforced, brought_back = None, None
    try:
        reinforced, brought_back = _reinforce(run, base, planted, (harmful, harmless))
    except NoReinforcementError as error:
        say(f"no reinforcement stays within the bounds: {error}")
    order = best_heads(found.scores.combined, found.scores.combined.size)
    return DemoResult(
        source=source,
        planted=planted,
        ranks=tuple(order.index(head) + 1 if head in order else None for head in planted),
        attribution=found,
        manifest=manifest,
        diff=diff,
        hooks_equal_bytes=equal,
        ablation=measured.evaluation,
        answers=measured.answers,
        reinforcement=brought_back,
        reinforced=reinforced,
    )


def _reinforce(
    run: _DemoRun, base: LoadedModel, planted: tuple[HeadRef, ...], sets: tuple[tuple[PromptSet, PromptSet], ...]
) -> tuple[Attribution, Evaluation]:
    """Weaken the planted heads, and find heads and a factor that bring refusals back. Both are live: factors multiply."""
    weak = tuple(HeadEdit(layer=head.layer, head=head.head, factor=WEAK_FACTOR) for head in planted)
    (harmful, harmful_rest), (harmless, harmless_rest) = sets
    run.say(f"attribute --intent reinforce: the planted heads are multiplied by {WEAK_FACTOR:g}; which heads bring refusals back?")
    with edited(base.model, weak), run.journaled_scores("weakened", weak) as journal:
        found = attribute(
            base.model,
            base.tokenizer,
            harmful,
            harmless=harmless,
            intent="reinforce",
            screen=SCREENING,
            journal=journal,
            on_progress=run.report,
        )
    recipes = {"weakened": weak, "reinforced": _multiply(weak, found.recipe.edits)}
    for name, edits in recipes.items():
        Recipe(edits=edits, provenance=Provenance(note=f"headsurgery demo: {name}")).save(run.output / f"{name}.json")
    run.say("evaluate: base, weakened and reinforced, on the other prompts")
    measured = run.evaluate([*recipes], [harmful_rest, harmless_rest], draws=0, folder="reinforcement")
    write_report(
        measured.evaluation,
        measured.answers,
        run.output / "reinforcement",
        scores=found.scores,
        unit=UNITS[AttributionOptions().method],
        frontier=None if found.frontier is None else found.frontier.points,
        marked=planted,
    )
    return found, measured.evaluation


def _multiply(*edits: tuple[HeadEdit, ...]) -> tuple[HeadEdit, ...]:
    """One edit per head, with the product of its factors."""
    factors: dict[HeadRef, float] = {}
    for edit in (edit for part in edits for edit in part):
        factors[edit.ref] = factors.get(edit.ref, 1.0) * edit.factor
    return tuple(HeadEdit(layer=head.layer, head=head.head, factor=factor) for head, factor in factors.items())


def _split(prompts: PromptSet, kind: Kind) -> tuple[PromptSet, PromptSet]:
    """Some for attribution and search, and of the others the first to measure on."""
    step, count = (5, NUM_PROMPTS) if kind == "harmful" else (2, NUM_HARMLESS)
    seen = prompts.texts[::step][:count]
    rest = [text for text in prompts.texts if text not in seen][:NUM_MEASURED]
    return (
        PromptSet.from_texts(seen, name=f"{prompts.name}[::{step}]", kind=kind),
        PromptSet.from_texts(rest, name=f"{prompts.name}, the others", kind=kind),
    )


@torch.inference_mode()
def _logits(loaded: LoadedModel) -> torch.Tensor:
    ids: Any = loaded.tokenizer("What is the capital of France?", return_tensors="pt")["input_ids"]
    logits: torch.Tensor = loaded.model(input_ids=ids.to(next(loaded.model.parameters()).device)).logits
    return logits
