"""Outputs of a command, refused before minutes of work and not after."""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Callable, Collection, Iterable
from pathlib import Path

from headsurgery.errors import RecipeError, UsageError


def check_file(path: Path, *, model: Path | None, is_ours: Callable[[Path], bool], force: bool) -> None:
    """Make sure that a file can be written there and that nothing is lost by it.

    Args:
        path: The output.
        model: The checkpoint that is read, if it is on this machine; it is never written.
        is_ours: Whether an existing file came from an earlier run, so that it may be replaced.
        force: Replace other files, too.

    Raises:
        UsageError: The output can't or must not be written.
    """
    if path.name == "":
        raise UsageError("an empty name, expected a file to write")
    if path.is_dir():
        raise UsageError(f"{path}: a directory, expected a file to write")
    if model is not None and Path(os.path.realpath(path)).is_relative_to(os.path.realpath(model)):
        raise UsageError(f"{path}: lies inside the model, which is never written", hint="choose an output outside it")
    if not path.absolute().parent.is_dir():
        raise UsageError(f"{path}: its directory doesn't exist")
    if path.exists():
        if not path.is_file():
            raise UsageError(f"{path}: exists and is not a regular file")
        if not force and not is_ours(path):
            raise UsageError(
                f"{path}: exists, and headsurgery did not write it", hint="choose another name, or --force to replace it"
            )
    _probe(path)


_KNOWN_ENDINGS = (
    ".json",
    ".jsonl",
    ".yaml",
    ".yml",
    ".toml",
    ".csv",
    ".tsv",
    ".txt",
    ".md",
    ".html",
    ".png",
    ".svg",
    ".pdf",
    ".parquet",
    ".arrow",
    ".safetensors",
    ".npy",
    ".npz",
    ".pt",
    ".pth",
    ".bin",
    ".pkl",
    ".pickle",
    ".gguf",
    ".h5",
    ".hdf5",
    ".onnx",
    ".msgpack",
    ".zip",
    ".gz",
)


def check_ending(path: Path, flag: str, ending: str, why: str) -> None:
    """Make sure that a file's name doesn't promise another format than the file will have. No ending, or an unknown one, is fine.

    Args:
        path: The output.
        flag: It was given by.
        ending: Of the format that is written.
        why: What is written, as a clause.

    Raises:
        UsageError: The name ends as files of another format do.
    """
    found = path.suffix.lower()
    if found != ending and found in _KNOWN_ENDINGS:
        raise UsageError(
            f"{flag} {path}: {why}, not as {found}", hint=f"give a name that ends in {ending}, like {path.stem}{ending}"
        )


def check_directory(path: Path) -> None:
    """Make sure that a directory is there and can be written to; it is made where it is missing.

    Raises:
        UsageError: It can't.
    """
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"{path}: can't be made a directory: {error.strerror}") from error
    _probe(path / "recipe.json")


def check_report_folder(path: Path, *, ours: Collection[str], models: Iterable[str], force: bool) -> None:
    """Make sure that a report can go there, and that no stranger's files come to lie among its own. It is made later.

    Args:
        path: The output.
        ours: Names of the files that a report has.
        models: Names of the models that are read; directories among them are never written.
        force: Write beside other files, too; they stay.

    Raises:
        UsageError: It can't or must not be written.
    """
    if path.name == "" and not path.is_dir():
        raise UsageError("an empty name, expected a folder to write")
    for model in filter(os.path.isdir, map(os.path.expanduser, models)):
        if Path(os.path.realpath(path)).is_relative_to(os.path.realpath(model)):
            raise UsageError(f"{path}: lies inside the model, which is never written", hint="choose a folder outside it")
    if path.exists() and not path.is_dir():
        raise UsageError(f"{path}: a file, expected a folder to write")
    others = (
        sorted(entry.name for entry in path.iterdir() if entry.name not in ours and entry.name[0] != ".") if path.is_dir() else []
    )
    if others and not force:
        raise UsageError(
            f"{path}: holds {others[0]}, which is no part of a report", hint="choose another -o, or --force to write beside it"
        )


def is_same_file(one: Path, other: Path) -> bool:
    """Whether two names mean one place, whether or not there is a file yet."""
    return os.path.realpath(one) == os.path.realpath(other)


def is_attributed_recipe(path: Path) -> bool:
    """Whether a file is a recipe that an attribution wrote, not one that somebody wrote by hand."""
    from headsurgery.recipe import Recipe

    try:
        provenance = Recipe.load(path).provenance
    except RecipeError:
        return False
    return provenance is not None and provenance.method != "manual"


def is_recovered_recipe(path: Path) -> bool:
    """Whether a file is a recipe that an audit wrote."""
    from headsurgery.auditing.against import RECOVERED
    from headsurgery.recipe import Recipe

    try:
        provenance = Recipe.load(path).provenance
    except RecipeError:
        return False
    return provenance is not None and (provenance.note or "").startswith(RECOVERED)


def is_scores_file(path: Path) -> bool:
    """Whether a file holds scores that an attribution wrote."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(str(path), framework="numpy") as file:
            return isinstance(json.loads((file.metadata() or {}).get("headsurgery", "null")), dict)
    except (OSError, SafetensorError, ValueError):
        return False


def is_frontier_file(path: Path) -> bool:
    """Whether a file is the frontier of an earlier search."""
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return isinstance(document, dict) and document.get("schema") == "headsurgery.frontier/1"


def _probe(path: Path) -> None:
    probe = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise UsageError(f"{path}: can't be written: {error.strerror}") from error
