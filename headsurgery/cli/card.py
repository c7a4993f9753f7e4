"""`headsurgery card`: the model card of an edited checkpoint."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.text import Text

from headsurgery.cli.options import Json, Quiet

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt


def card(
    edited: Annotated[Path, typer.Argument(metavar="DIR", help="A checkpoint that apply wrote.")],
    report: Annotated[
        Path | None, typer.Option("--report", metavar="DIR", help="Report of evaluate, whose figures go into the card.")
    ] = None,
    scores: Annotated[
        Path | None, typer.Option("--scores", metavar="FILE", help="Scores of attribute, for the picture; else it shows factors.")
    ] = None,
    write: Annotated[
        bool, typer.Option("--write", help="Write README.md and its picture into DIR; else the card is printed.")
    ] = False,
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Make the card of an edited checkpoint, the base's card kept below, and check it as huggingface_hub does."""
    from headsurgery.card import write_card
    from headsurgery.card.files import check_card, load_base_card, save_card
    from headsurgery.console import Console
    from headsurgery.documents.front_matter import read_front_matter
    from headsurgery.evaluation.records import load_report
    from headsurgery.filesystem.files import Directory
    from headsurgery.recipe import Recipe
    from headsurgery.surgery.base_files import CARD, RECIPE
    from headsurgery.surgery.history import read_history
    from headsurgery.surgery.manifest import Manifest

    console = Console(as_json=json, quiet=quiet)
    manifest, recipe = Manifest.load(edited), Recipe.load(edited / RECIPE)
    evaluation = None if report is None else load_report(report)
    table = None if scores is None else _read_scores(scores)
    earlier = [step.manifest for step in read_history(Directory(edited))[1:]]
    base_card = load_base_card(edited)
    made = write_card(manifest, base_card, recipe=recipe, earlier=earlier, evaluation=evaluation, scores=table)
    text = made[CARD].decode()
    check_card(text)
    if problem := read_front_matter(base_card or b"").problem:
        console.note(f"the metadata of the base's card can't be read ({problem}); its licence, languages and tags are missing here")
    if write:
        save_card(edited, made)
        console.data({"files": sorted(made)}, *(str(edited / file) for file in sorted(made)))
        console.next_command("push", edited, "org/name", "--dry-run")
    else:
        console.data({"card": text}, Text(text.rstrip("\n")))


def _read_scores(path: Path) -> npt.NDArray[np.float64]:
    """The scores that heads were listed by, the harmless control taken off: [layer, head]."""
    from headsurgery.attribution.scores import ranking_scores, read_scores_file
    from headsurgery.errors import UsageError

    arrays, record = read_scores_file(path)
    method = str(record.get("method"))
    if method not in arrays:
        raise UsageError(f"{path}: it holds no scores of the method that it names")
    return ranking_scores(arrays, method, record.get("contrast"))
