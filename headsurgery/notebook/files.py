"""Work on checkpoints and files by their names, without torch: apply a recipe, verify, audit, compare.

Each function opens what it is given, by path or Hub id, and calls the room that does the work.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from headsurgery.card import card_writer
from headsurgery.documents.tables import Table
from headsurgery.errors import SurgeryError, UsageError
from headsurgery.notebook.places import open_base, open_donor, open_named
from headsurgery.recipe import Recipe
from headsurgery.surgery.apply import apply_plan
from headsurgery.surgery.plan import plan_surgery
from headsurgery.surgery.verify import Verification, verify_checkpoint

if TYPE_CHECKING:
    from headsurgery.attribution.comparison import Comparison
    from headsurgery.attribution.run import Attribution
    from headsurgery.attribution.scores import ScoreTable
    from headsurgery.auditing.records import Audit
    from headsurgery.comparing.result import CheckpointDiff
    from headsurgery.progress import Progress
    from headsurgery.storage.checkpoint import Checkpoint
    from headsurgery.surgery.manifest import Manifest


def apply_recipe(
    recipe: Recipe,
    out: str | Path,
    *,
    base: str | Path | Checkpoint | None = None,
    donor: str | Path | Checkpoint | None = None,
    revision: str | None = None,
    token: str | None = None,
    allow_mismatch: bool = False,
    on_progress: Progress | None = None,
    **choices: Any,
) -> Manifest:
    """Write the edited checkpoint with its model card, and verify what was written against the base.

    Args:
        recipe: What to do.
        out: Directory to create.
        base: Directory, Hub id or open checkpoint. Default: the base that the recipe states.
        donor: The same, of what heads are transplanted from.
        revision: Commit of a base on the Hub.
        token: For gated and private models.
        allow_mismatch: Go on although the recipe was made for another base.
        on_progress: Called with the stage, `writing` and then `reading`, and bytes done and in all.
        choices: Further choices of `apply_plan`: link, force, keep_originals, on_note.

    Returns:
        The manifest.

    Raises:
        RecipeError: No base is known, or the recipe doesn't fit it.
        SurgeryError: It can't be written, or is not what was planned.
        HeadSurgeryError: Its other children say what can't be found, read or edited.
    """
    opened = open_base(recipe, token=token) if base is None else open_named(base, revision=revision, token=token)
    giver = open_donor(recipe, token=token) if donor is None else open_named(donor, token=token)
    plan = plan_surgery(recipe, opened, donor=giver, allow_mismatch=allow_mismatch)
    manifest = apply_plan(plan, out, write_card=card_writer(plan), on_progress=on_progress, **choices)
    found = verify_checkpoint(Path(out), base=opened, donor=giver, on_progress=on_progress)
    if found.problems:
        file, what = next(iter(found.problems.items()))
        raise SurgeryError(f"{out}: {file}: {what}", hint="something else changed it after it was written; apply again")
    return manifest


def verify(
    directory: str | Path,
    *,
    base: str | Path | Checkpoint | None = None,
    donor: str | Path | Checkpoint | None = None,
    token: str | None = None,
    on_progress: Progress | None = None,
) -> Verification:
    """Hash every file of an edited checkpoint against its manifest, and derive the edit anew.

    Args:
        directory: A checkpoint that `apply` wrote.
        base: What it was made from; None: the original bytes that it keeps take its place.
        donor: What its heads were transplanted from; None: such edits are not derived.
        token: For gated and private models.
        on_progress: Called with the stage, `reading`, and bytes read and in all.

    Raises:
        CheckpointError: It has no manifest, or a file can't be read.
    """
    opened, giver = (None if name is None else open_named(name, token=token) for name in (base, donor))
    return verify_checkpoint(Path(directory), base=opened, donor=giver, on_progress=on_progress)


def audit(
    model: str | Path | Checkpoint,
    *,
    base: str | Path | Checkpoint | None = None,
    token: str | None = None,
    on_progress: Progress | None = None,
) -> Audit:
    """Say what was done to a checkpoint's attention heads.

    Args:
        model: The checkpoint.
        base: What it was made from; None: it is examined by itself.
        token: For gated and private models.
        on_progress: Called with the stage, `comparing` or `examining`, and what is done and in all.

    Raises:
        CheckpointError, ArchitectureError, GeometryError: A checkpoint can't be read, or its heads not be found.
    """
    from headsurgery.auditing import examine, examine_against

    opened = open_named(model, token=token)
    if base is None:
        return examine(opened, on_progress=on_progress)
    return examine_against(opened, open_named(base, token=token), on_progress=on_progress)


def diff(
    base: str | Path | Checkpoint,
    edited: str | Path | Checkpoint,
    *,
    recipe: Recipe | str | Path | None = None,
    donor: str | Path | Checkpoint | None = None,
    heads_only: bool = False,
    token: str | None = None,
    on_progress: Progress | None = None,
) -> CheckpointDiff:
    """Compare two checkpoints, head by head.

    Args:
        base: The original.
        edited: What was made from it.
        recipe: When given, the difference is checked against it.
        donor: What its heads are transplanted from.
        heads_only: Compare only tensors that hold heads.
        token: For gated and private models.
        on_progress: Called with the stage, `comparing`, and bytes compared and in all.

    Raises:
        HeadSurgeryError: Its children say what can't be read or compared.
    """
    from headsurgery.comparing.diff import diff_checkpoints

    wanted = Recipe.load(recipe) if isinstance(recipe, str | Path) else recipe
    giver = None if donor is None else open_named(donor, token=token)
    sides = open_named(base, token=token), open_named(edited, token=token)
    return diff_checkpoints(*sides, recipe=wanted, donor=giver, heads_only=heads_only, on_progress=on_progress)


def compare(*rankings: str | Path | Attribution | ScoreTable, top: int = 10, names: Iterable[str] = ()) -> Table[Comparison]:
    """Compare rankings of heads of one shape of model, every two of them: overlap and rank correlation, beside what chance gives.

    Args:
        rankings: Recipes, edited checkpoints and scores files by path; or what `attribute` found; or scores.
        top: How many heads of each that has scores of all.
        names: What the rankings are called. Default: paths as given, methods of the others.

    Raises:
        UsageError: Fewer than two, or of models whose heads can't be matched.
        HeadSurgeryError: A file is neither recipe nor scores.
    """
    from headsurgery.attribution.comparison import Comparison, compare_rankings, rank_scores, read_ranking
    from headsurgery.attribution.scores import ScoreTable

    called = list(names)
    if called and len(called) != len(rankings):
        raise UsageError(f"{len(called)} names for {len(rankings)} rankings")
    found = []
    for number, ranking in enumerate(rankings):
        if isinstance(ranking, str | Path):
            made = read_ranking(Path(ranking), top)
        else:
            scores = ranking if isinstance(ranking, ScoreTable) else ranking.scores
            made = rank_scores(scores, top, name=scores.method or f"scores {number + 1}")
        found.append(made if not called else replace(made, name=called[number]))
    return Table(what="comparisons", rows=tuple(compare_rankings(found)), to_dict=Comparison.to_json)
