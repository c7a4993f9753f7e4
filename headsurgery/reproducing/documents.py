"""The documents that can be run again: a recipe of `attribute`, a report of `evaluate` or of `experiment`."""

from __future__ import annotations

from pathlib import Path

from pydantic import ValidationError

from headsurgery.documents.strict_json import parse_object
from headsurgery.errors import RecipeError, UsageError
from headsurgery.evaluation.records import Evaluation
from headsurgery.paper.records import ExperimentReport
from headsurgery.recipe import Recipe, first_problem

Document = Recipe | Evaluation | ExperimentReport
_MAX_BYTES = 256 * 2**20


def read_document(path: Path) -> Document:
    """A recipe or a report.

    Raises:
        RecipeError: It is neither.
        UsageError: It can't be read.
    """
    try:
        data = path.read_bytes()
        document = parse_object(data, max_bytes=_MAX_BYTES)
    except OSError as error:
        raise UsageError(
            f"{path}: can't be read: {error.strerror}", hint="give a recipe, or the report.json of a report"
        ) from error
    except ValueError as error:
        raise RecipeError(f"{path}: not valid JSON: {error}") from error
    schema = str(document.get("schema"))
    try:
        if schema.startswith("headsurgery.evaluation/"):
            return Evaluation.model_validate_json(data)
        if schema.startswith("headsurgery.experiment-report/"):
            return ExperimentReport.model_validate_json(data)
    except ValidationError as error:
        raise RecipeError(f"{path.name}: {first_problem(error)}") from error
    return Recipe.parse(data.decode("utf-8-sig"), where=path.name)
