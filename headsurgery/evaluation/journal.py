"""The journal of an evaluation. Answers are stored as they come, so an interrupted run can continue where it stopped.

`answers.jsonl` holds one `Answer` per line and nothing else. Next to it, `answers.run.json` states the run's settings. Each batch
is appended at once. A last line without a line feed was torn by a crash and is cut off. Any other flaw, and a journal with other
settings, is refused. `MemoryJournal` stores nothing on disk. Neighbours: `generate` and `endpoints` produce the answers;
`documents.run_store` has what all such files share.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from headsurgery.behaviour.answers import Answer
from headsurgery.documents.atomic import write_atomically
from headsurgery.documents.run_store import ANEW, RunStore
from headsurgery.documents.run_store import JournalError as JournalError
from headsurgery.recipe import first_problem

if TYPE_CHECKING:
    from typing_extensions import Self

_SCHEMA = "headsurgery.answers/1"

AnswerKey = tuple[str, str, int, int]
"""Variant, set, seed, index."""


class MemoryJournal:
    """The answers of one run, in memory only. An interrupted run loses them."""

    def __init__(self) -> None:
        self._answers: dict[AnswerKey, Answer] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """End the journal."""

    def append(self, answers: Iterable[Answer]) -> None:
        """Add a batch of answers: all or none.

        Raises:
            JournalError: An answer is already there, or it can't be written.
        """
        fresh: dict[AnswerKey, Answer] = {}
        for answer in answers:
            key = _key(answer)
            if key in self._answers or key in fresh:
                raise JournalError(f"{_name(key)} is already there")
            fresh[key] = answer
        self._write(fresh.values())
        self._answers |= fresh

    def answers(self, *, variant: str | None = None, prompt_set: str | None = None, seed: int | None = None) -> tuple[Answer, ...]:
        """The answers, all or those of one variant, set or seed, sorted by index within each."""
        found = (
            (key, answer)
            for key, answer in self._answers.items()
            if variant in (None, key[0]) and prompt_set in (None, key[1]) and seed in (None, key[2])
        )
        return tuple(answer for _, answer in sorted(found, key=lambda item: item[0]))

    def present(self, *, variant: str, prompt_set: str, seed: int) -> frozenset[int]:
        """Positions of the prompts that have an answer, for `generate_answers` to skip."""
        return frozenset(key[3] for key in self._answers if key[:3] == (variant, prompt_set, seed))

    def missing(self, *, variant: str, prompt_set: str, seed: int, count: int) -> tuple[int, ...]:
        """Positions of the prompts, out of `count`, that have no answer yet."""
        present = self.present(variant=variant, prompt_set=prompt_set, seed=seed)
        return tuple(index for index in range(count) if index not in present)

    def _write(self, answers: Iterable[Answer]) -> None:
        pass


class AnswerJournal(MemoryJournal, RunStore):
    """The answers of one run, on disk and in memory.

    Args:
        path: Path of `answers.jsonl`. Its directory must exist.
        settings: Everything that the answers depend on, as JSON: base, edits, sets' hashes, decoding, batch size, dtype, ...
        force: Replace a journal of another run, or a damaged one.

    Raises:
        JournalError: It belongs to another run, is in use by another process, is damaged, or can't be written.
    """

    cannot = "can't write the answers"

    def __init__(self, path: Path, settings: Mapping[str, Any], *, force: bool = False) -> None:
        MemoryJournal.__init__(self)
        RunStore.__init__(self, path, settings, force=force)

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        """Close the file; a run that failed before its first answer leaves none."""
        self.close()
        if kind is not None and not self._answers:
            for path in (self.path, self._settings_path):
                path.unlink(missing_ok=True)

    def close(self) -> None:
        """Close the file. Everything appended has already been written to it."""
        RunStore.close(self)

    def _write(self, answers: Iterable[Answer]) -> None:
        """Write all answers at once."""
        self._append("".join(f"{answer.to_line()}\n" for answer in answers).encode())

    @property
    def _settings_path(self) -> Path:
        return self.path.with_suffix(".run.json")

    def _create(self) -> None:
        self.path.touch()

    def _find_settings(self) -> dict[str, Any] | None:
        try:
            document = json.loads(self._settings_path.read_bytes())
        except FileNotFoundError:
            if os.fstat(self._file.fileno()).st_size:
                raise JournalError(
                    f"{self.path.name} exists without {self._settings_path.name}, so its run is unknown", hint=ANEW
                ) from None
            return None
        except OSError as error:
            raise JournalError(f"{self._settings_path.name}: can't be read: {error.strerror}") from error
        except (ValueError, RecursionError):
            document = None
        if not isinstance(document, dict) or document.get("schema") != _SCHEMA or not isinstance(document.get("settings"), dict):
            raise JournalError(f"{self._settings_path.name}: expected the settings of a run, {_SCHEMA!r}", hint=ANEW)
        settings: dict[str, Any] = document["settings"]
        return settings

    def _begin_anew(self) -> None:
        """Delete the settings, then the answers, then write new settings. A crash never leaves answers with wrong settings."""
        document = json.dumps({"schema": _SCHEMA, "settings": self._settings}, indent=2, ensure_ascii=False) + "\n"
        self._settings_path.unlink(missing_ok=True)
        self._cut(0)
        write_atomically(self._settings_path, document.encode())

    def _find_entries(self) -> None:
        self._cut(self.path.read_bytes().rfind(b"\n") + 1)
        for answer in read_answers(self.path):
            if _key(answer) in self._answers:
                raise JournalError(f"{self.path.name}: {_name(_key(answer))} occurs twice", hint=ANEW)
            self._answers[_key(answer)] = answer

    def _forget(self) -> None:
        self._answers = {}


def read_answers_dtype(folder: Path | None) -> str | None:
    """The number type that the settings next to the answers in this folder state; None if there are none."""
    if folder is None:
        return None
    try:
        document = json.loads((folder / "answers.run.json").read_bytes())
        found = document["settings"]["dtype"]
    except (OSError, ValueError, RecursionError, LookupError, TypeError):  # opening the journal will report what is wrong
        return None
    return found if isinstance(found, str) else None


def read_answers(path: Path) -> tuple[Answer, ...]:
    """Read all answers of a file, in its order.

    Raises:
        JournalError: The file can't be read, or a line is not an answer.
    """
    try:
        lines = path.read_bytes().removesuffix(b"\n").split(b"\n")
    except OSError as error:
        raise JournalError(f"{path}: can't be read: {error.strerror}") from error
    answers = []
    for number, line in enumerate(lines if lines != [b""] else [], start=1):
        try:
            answers.append(Answer.model_validate_json(line))
        except ValidationError as error:
            raise JournalError(f"{path.name}:{number}: not an answer: {first_problem(error)}", hint=ANEW) from error
    return tuple(answers)


def _key(answer: Answer) -> AnswerKey:
    return answer.variant, answer.set, answer.seed, answer.index


def _name(key: AnswerKey) -> str:
    variant, prompt_set, seed, index = key
    return f"the answer of {variant} to {prompt_set}[{index}] with seed {seed}"
