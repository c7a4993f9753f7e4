"""Line up what is compared: the untouched base, its edited variants, and their random controls.

Everything is checked from the files' headers before any model is loaded. A recipe is resolved by the same plan that `apply` would
execute, so what is measured is what can be applied. Neighbours: `targets` finds out what was named and which base is meant;
`edits.controls` draws random heads, `local` runs the variants.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from headsurgery.edits.anatomy import Anatomy, prove_anatomy
from headsurgery.edits.controls import random_heads
from headsurgery.edits.operations import OPERATIONS
from headsurgery.errors import GeometryError, HeadSurgeryError, UsageError
from headsurgery.evaluation.options import EvaluationOptions
from headsurgery.evaluation.parameters import paper_share
from headsurgery.evaluation.records import Variant
from headsurgery.evaluation.targets import Target, find_base, find_donor, read_targets
from headsurgery.hub.models import Source
from headsurgery.options import ModelOptions
from headsurgery.recipe import HeadEdit, Recipe, takes_from_donor
from headsurgery.storage.checkpoint import Checkpoint, open_checkpoint
from headsurgery.storage.codecs import count_parameters
from headsurgery.surgery.manifest import Manifest
from headsurgery.surgery.plan import plan_surgery

BASE = "base"


@dataclass(frozen=True, kw_only=True)
class Contender:
    """A model that will be asked.

    Args:
        record: Its entry in the report.
        checkpoint: Its own weights; None: it has the base's weights, with the record's edits in force as hooks.
    """

    record: Variant
    checkpoint: Checkpoint | None = None


@dataclass(frozen=True, kw_only=True)
class Lineup:
    """All models of one evaluation.

    Args:
        base: The untouched checkpoint.
        contenders: The base first, then what was named, in that order. Each is followed by its random controls.
        notes: What the user should know, although nothing is wrong.
        donor: Where transplanted heads come from, for variants that run on the base's weights.
    """

    base: Checkpoint
    contenders: tuple[Contender, ...]
    notes: tuple[str, ...]
    donor: Checkpoint | None = None

    @property
    def on_base(self) -> tuple[Variant, ...]:
        """Variants that run on the base's weights, the base itself first."""
        return tuple(contender.record for contender in self.contenders if contender.checkpoint is None)

    @property
    def checkpoints(self) -> tuple[tuple[Variant, Checkpoint], ...]:
        """Variants with their own weights."""
        return tuple((contender.record, contender.checkpoint) for contender in self.contenders if contender.checkpoint is not None)


def line_up(
    named: Sequence[Target],
    *,
    base: str | None = None,
    options: EvaluationOptions,
    model: ModelOptions,
) -> Lineup:
    """Find the base and everything that is compared with it.

    Args:
        named: Recipes (or files), edited checkpoints, plain models.
        base: Directory or Hub id of the base; None: the only plain model, else the one that recipes and manifests state.
        options: How many random controls each set of edits gets (the same edits on random other heads of the same layers), the seed
            that draws them, and whether to continue if a recipe or an edited checkpoint was made for another base.
        model: Commit of the base, and the token.

    Raises:
        UsageError: Nothing is named, or the base is unknown.
        RecipeError, GeometryError, ArchitectureError, SurgeryError: Something doesn't fit the base.
        CheckpointError, HubError: A model can't be found or read.
    """
    targets = read_targets(named, base=base, revision=model.revision, token=model.token)
    source, others = find_base(targets, base=base, revision=model.revision, token=model.token)
    checkpoint = _open(source)
    contenders = [Contender(record=Variant(name=BASE, kind="base", parameters=count_parameters(checkpoint)))]
    found = find_donor(others, donor=options.donor, token=model.token)
    if not others:
        return Lineup(base=checkpoint, contenders=tuple(contenders), notes=())
    with _named("base"):
        anatomy = prove_anatomy(checkpoint)
    donor = None if found is None else _open(found)
    fit = _Fit(base=checkpoint, anatomy=anatomy, donor=donor, allow_mismatch=options.allow_mismatch)
    notes: list[str] = []
    names, controlled = {BASE}, list[tuple[HeadEdit, ...]]()
    for target in others:
        name = _unique(target.name, names)
        with _named(name):
            contender, said = (
                fit.recipe(name, target.recipe) if target.recipe else fit.checkpoint(name, target.source, target.manifest)
            )
        contenders.append(contender)
        notes += [f"{name}: {note}" for note in said]
        edits = contender.record.edits
        if edits and options.random_draws and edits not in controlled:
            controlled.append(edits)
            controls, note = fit.controls(contender.record, options.random_draws, options.seeds[0])
            contenders += controls
            notes += note
    return Lineup(base=checkpoint, contenders=tuple(contenders), notes=tuple(notes), donor=donor)


@dataclass(frozen=True, kw_only=True)
class _Fit:
    """Turns everything that fits the base into contenders."""

    base: Checkpoint
    anatomy: Anatomy
    donor: Checkpoint | None
    allow_mismatch: bool

    def recipe(self, name: str, recipe: Recipe) -> tuple[Contender, tuple[str, ...]]:
        """A recipe's edits, on the base's weights."""
        donor = self.donor if recipe.needs_donor else None
        plan = plan_surgery(recipe, self.base, donor=donor, allow_mismatch=self.allow_mismatch)
        record = Variant(
            name=name,
            kind="recipe",
            edits=recipe.edits,
            parameters_changed=plan.parameters_changed,
            parameters=count_parameters(self.base),
            parameters_changed_paper=paper_share(recipe.edits, self.anatomy.geometry),
        )
        return Contender(record=record), plan.notes

    def checkpoint(self, name: str, source: Source | None, manifest: Manifest | None) -> tuple[Contender, tuple[str, ...]]:
        """A checkpoint with its own weights. Its manifest, if it has one, says what was edited."""
        assert source is not None  # everything that is not a recipe was fetched
        checkpoint = _open(source)
        differences = _differences(self.base, self.anatomy, checkpoint)
        if differences:
            raise GeometryError(f"not a variant of the base: {'; '.join(differences)}", hint="name its own base with --base")
        edits = () if manifest is None else _edits_of(manifest)
        stated = manifest.base.fingerprint if manifest else None
        if stated and not self.allow_mismatch and stated != (found := self.base.fingerprint()):
            raise GeometryError(
                f"was made from another base: fingerprint of the weights {stated[:12]}..., the base has {found[:12]}...",
                hint="name its own base with --base, or use --allow-mismatch (allow_mismatch=True) to continue",
            )
        record = Variant(
            name=name,
            kind="checkpoint",
            edits=edits,
            parameters_changed=manifest.parameters_changed if manifest else None,
            parameters=count_parameters(checkpoint),
            parameters_changed_paper=paper_share(edits, self.anatomy.geometry) if edits else None,
        )
        operations = dict.fromkeys(edit.operation for edit in edits)
        notes = tuple(note for name in operations for note in OPERATIONS[name].caveats(self.anatomy.uneven))
        return Contender(record=record, checkpoint=checkpoint), notes

    def controls(self, record: Variant, draws: int, seed: int) -> tuple[list[Contender], list[str]]:
        """The same edits on other heads of the same layers. Only a note if a layer has too few heads or the donor is missing."""
        if takes_from_donor(record.edits) and self.donor is None:
            return [], [f"{record.name}: no random control, because it takes heads from a donor; name the donor with --donor"]
        try:
            found = random_heads(record.edits, self.anatomy.geometry, draws=draws, seed=seed)
        except UsageError as error:
            return [], [f"{record.name}: no random control: {error}"]
        return [
            Contender(
                record=record.model_copy(
                    update={"name": f"{record.name} random-{number}", "kind": "random", "edits": edits}
                    | {"parameters": count_parameters(self.base)}
                )
            )
            for number, edits in enumerate(found, start=1)
        ], []


def _open(source: Source) -> Checkpoint:
    return open_checkpoint(source.path, model=source.model, revision=source.revision)


def _edits_of(manifest: Manifest) -> tuple[HeadEdit, ...]:
    """The recipe's edits. A manifest lists an edit of a projection with a bias twice, once per tensor."""
    plain = (HeadEdit.model_validate(edit.model_dump(include=set(HeadEdit.model_fields))) for edit in manifest.edits)
    return tuple(dict.fromkeys(plain))


def _differences(base: Checkpoint, anatomy: Anatomy, checkpoint: Checkpoint) -> list[str]:
    """Ways in which a checkpoint differs from its base but must not."""
    found = prove_anatomy(checkpoint)
    sides = [_facts(base, anatomy), _facts(checkpoint, found)]
    return [f"{key}: {sides[1][key]}, the base {sides[0][key]}" for key in sides[0] if sides[0][key] != sides[1][key]]


def _facts(checkpoint: Checkpoint, anatomy: Anatomy) -> dict[str, Any]:
    section = anatomy.architecture.config.section
    config = checkpoint.config.get(section, {}) if section else checkpoint.config
    vocabulary = {key: config.get(key, checkpoint.config.get(key)) for key in ("vocab_size",)}
    return {"model_type": anatomy.architecture.model_type} | anatomy.geometry.to_json() | vocabulary


def _unique(name: str, taken: set[str]) -> str:
    """The name, or the name with the first free number, so that the names of random controls are unique as well."""
    number, free = 1, name
    while free in taken:
        number += 1
        free = f"{name}-{number}"
    taken.add(free)
    return free


@contextmanager
def _named(name: str) -> Iterator[None]:
    """Add the variant's name to errors."""
    try:
        yield
    except HeadSurgeryError as error:
        raise type(error)(f"{name}: {error}", hint=error.hint) from error
