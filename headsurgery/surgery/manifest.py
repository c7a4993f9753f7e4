"""The manifest: what was done, with hashes before and after. It is stored in the edited checkpoint as `headsurgery.json`.

Paths are relative to the checkpoint. It contains no path of anyone's machine.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, FailFast, Field, ValidationError, field_validator

from headsurgery.documents.strict_json import parse_object
from headsurgery.errors import CheckpointError
from headsurgery.filesystem.files import Directory, Files
from headsurgery.recipe import HeadEdit, RecipeBase, Strict, first_problem, say_edits
from headsurgery.storage.checkpoint import check_at_rest
from headsurgery.storage.json_files import read_bounded, stays_inside
from headsurgery.surgery.base_files import BASE_CARD, CARD, MANIFEST, PREVIOUS

MAX_MANIFEST_BYTES = 64 * 2**20
"""Limit of its size. The largest checkpoints have a few hundred files; an edit of every head has 30,000 slices of 300 bytes."""
MANIFEST_SCHEMA: Literal["headsurgery.manifest/1"] = "headsurgery.manifest/1"


def _check_inside(file: str) -> str:
    if not stays_inside(file):
        raise ValueError("points outside the checkpoint's directory")
    return file


FileName = Annotated[str, AfterValidator(_check_inside)]
"""Relative to the checkpoint. A manifest may come from a stranger, and `restore` writes to these names."""


class FileRecord(Strict):
    """One file of the edited checkpoint."""

    file: FileName
    num_bytes: int = Field(ge=0, lt=2**63)
    sha256: str
    base_sha256: str | None = Field(
        default=None, description="of the base's file; equal to sha256 if it was only copied; null if new"
    )

    @property
    def base_file(self) -> str | None:
        """Name of the base's file that it was made from; None if it is new. Some of the base's files are renamed."""
        if self.base_sha256 is None:
            return None
        if self.file.startswith(f"{PREVIOUS}/"):
            return self.file.removeprefix(f"{PREVIOUS}/")
        return CARD if self.file == BASE_CARD else self.file


class ExactnessRecord(Strict):
    """How exactly a slice holds the edit. Errors are in steps of the stored type; a step is the distance to the next number."""

    level: Literal["exact", "rounded"]
    of: Literal["values", "scales"] = Field(description="what is rounded: the values, or the scales that stand for them")
    largest_error: float
    mean_error: float
    factors: list[float] | None = Field(
        default=None, description="where the scales of blocks were rounded: between which two factors nine of ten came out"
    )


class EditRecord(HeadEdit):
    """One slice of one tensor that was edited."""

    tensor: str
    file: FileName
    axis: int = Field(description="0: rows of the stored tensor, 1: columns")
    start: int
    stop: int
    shape: list[int] | None = Field(default=None, description="the shape in which the tensor is cut, if that is not its own")
    exactness: ExactnessRecord | None = Field(default=None, description="null: made by a version that didn't record it")


class Manifest(Strict):
    """The record of one `apply`."""

    schema_: Literal["headsurgery.manifest/1"] = Field(default=MANIFEST_SCHEMA, alias="schema")
    headsurgery: str = Field(description="version of the tool")
    base: RecipeBase
    donor: RecipeBase | None = Field(default=None, description="what transplanted heads were taken from")
    recipe_sha256: str
    edits: Annotated[list[EditRecord], FailFast()]
    parameters: int
    parameters_changed: int
    share: float = Field(description="parameters_changed / parameters")
    files: Annotated[list[FileRecord], FailFast()] = Field(
        description="every file but the manifest itself, sorted by name; a card may be rewritten later"
    )
    left_out: list[str] = Field(description="the base's files that hold the weights a second time")
    notes: list[str] = Field(default_factory=list)

    @field_validator("files")
    @classmethod
    def _names_are_unique(cls, files: list[FileRecord]) -> list[FileRecord]:
        if len({record.file for record in files}) != len(files):
            raise ValueError("a file is listed twice")
        return files

    def __repr__(self) -> str:
        """What was edited, on one line."""
        return f"Manifest({say_edits(self.edits)} of {self.base.model}; {self.parameters_changed:,} parameters)"

    __str__ = __repr__

    def to_json(self) -> str:
        """The text of `headsurgery.json`."""
        excluded: dict[str, Any] = {} if self.donor else {"donor": True}
        if all(edit.shape is None for edit in self.edits):
            excluded["edits"] = {"__all__": {"shape"}}
        document = self.model_dump(by_alias=True, exclude=excluded)
        return json.dumps(document, indent=2, ensure_ascii=False) + "\n"

    @classmethod
    def load(cls, source: Path | str | Files, name: str = MANIFEST) -> Manifest:
        """Read the manifest of an edited checkpoint.

        Args:
            source: The checkpoint's directory, or its files wherever they are.
            name: Name of the file. An earlier step's manifest is in a folder.

        Raises:
            CheckpointError: There is no manifest, or it is not valid.
        """
        files = Directory(Path(source)) if isinstance(source, Path | str) else source
        if files.path is not None and not files.path.is_dir():
            what = "a file, expected a directory" if files.path.exists() else "no such directory"
            raise CheckpointError(f"{files.where}: {what}", hint="give the directory of a checkpoint that apply wrote")
        check_at_rest(files)
        if not files.has(name):
            raise CheckpointError(f"{files.where}: no {name} in it, so headsurgery did not write it")
        try:
            return cls.model_validate(parse_object(read_bounded(files, name, MAX_MANIFEST_BYTES), max_bytes=MAX_MANIFEST_BYTES))
        except OSError as error:
            raise CheckpointError(f"{files.where}/{name}: can't be read: {error.strerror}") from error
        except ValidationError as error:
            raise CheckpointError(f"{files.where}/{name}: not a valid manifest: {first_problem(error)}") from error
        except ValueError as error:
            raise CheckpointError(f"{files.where}/{name}: not a valid manifest: {error}") from error
