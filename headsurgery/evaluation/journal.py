"""The journal of an evaluation: answers as they come, so that a run that breaks off goes on where it was.

`answers.jsonl` holds one `Answer` a line and nothing else; beside it, `answers.run.json` states the run's settings. A batch is
appended at a time. A last line without its line feed was torn by a crash and is cut; any other flaw, and a journal of other
settings, is refused. `MemoryJournal` keeps nothing on disk. Neighbours: `generate` and `endpoint` make the answers;
`documents.run_store` has what all such files have in common.
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
    """The answers of one run, in memory; a run that breaks off loses them."""

    def __init__(self) -> None:
        self._answers: dict[AnswerKey, Answer] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Nothing more will be appended."""

    def append(self, answers: Iterable[Answer]) -> None:
        """Add a batch of answers, all or none.

        Raises:
            JournalError: An answer is there already, or the disk refuses.
        """
        fresh: dict[AnswerKey, Answer] = {}
        for answer in answers:
            key = _key(answer)
            if key in self._answers or key in fresh:
                raise JournalError(f"{_name(key)} is there already")
            fresh[key] = answer
        self._write(fresh.values())
        self._answers |= fresh

    def answers(self, *, variant: str | None = None, prompt_set: str | None = None, seed: int | None = None) -> tuple[Answer, ...]:
        """Answers, all or of one variant, set or seed, by index within them."""
        found = (
            (key, answer)
            for key, answer in self._answers.items()
            if variant in (None, key[0]) and prompt_set in (None, key[1]) and seed in (None, key[2])
        )
        return tuple(answer for _, answer in sorted(found, key=lambda item: item[0]))

    def present(self, *, variant: str, prompt_set: str, seed: int) -> frozenset[int]:
        """Positions of the prompts that have an answer; what `generate_answers` may skip."""
        return frozenset(key[3] for key in self._answers if key[:3] == (variant, prompt_set, seed))

    def missing(self, *, variant: str, prompt_set: str, seed: int, count: int) -> tuple[int, ...]:
        """Positions of the prompts, out of `count`, whose answers are still to be made."""
        present = self.present(variant=variant, prompt_set=prompt_set, seed=seed)
        return tuple(index for index in range(count) if index not in present)

    def _write(self, answers: Iterable[Answer]) -> None:
        pass


class AnswerJournal(MemoryJournal, RunStore):
    """The answers of one run, on disk and in memory.

    Args:
        path: Of `answers.jsonl`; its directory exists.
        settings: All that the answers depend on, as JSON: base, edits, sets' hashes, decoding, batch size, dtype, ...
        force: Start anew where a journal of another run, or a damaged one, stands.

    Raises:
        JournalError: It is another run's, being written by another process, damaged, or can't be written.
    """

    cannot = "can't write the answers"

    def __init__(self, path: Path, settings: Mapping[str, Any], *, force: bool = False) -> None:
        MemoryJournal.__init__(self)
        RunStore.__init__(self, path, settings, force=force)

    def close(self) -> None:
        """Close the file; what was appended is in it already."""
        RunStore.close(self)

    def _write(self, answers: Iterable[Answer]) -> None:
        """In one write."""
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
                    f"{self.path.name} is there without {self._settings_path.name}, so its run is unknown", hint=ANEW
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
        """Settings first gone, then the answers, then the new settings: a crash in between is never taken for a run's answers."""
        document = json.dumps({"schema": _SCHEMA, "settings": self._settings}, indent=2, ensure_ascii=False) + "\n"
        self._settings_path.unlink(missing_ok=True)
        self._cut(0)
        write_atomically(self._settings_path, document.encode())

    def _find_entries(self) -> None:
        self._cut(self.path.read_bytes().rfind(b"\n") + 1)
        for answer in read_answers(self.path):
            if _key(answer) in self._answers:
                raise JournalError(f"{self.path.name}: {_name(_key(answer))} is there twice", hint=ANEW)
            self._answers[_key(answer)] = answer

    def _forget(self) -> None:
        self._answers = {}


def kept_dtype(folder: Path | None) -> str | None:
    """The type that a run in this folder states, by the settings beside its answers; None where there is none."""
    if folder is None:
        return None
    try:
        document = json.loads((folder / "answers.run.json").read_bytes())
        found = document["settings"]["dtype"]
    except (OSError, ValueError, RecursionError, LookupError, TypeError):  # the journal itself will say what is wrong with it
        return None
    return found if isinstance(found, str) else None


def read_answers(path: Path) -> tuple[Answer, ...]:
    """All answers of a file, in its order.

    Raises:
        JournalError: It can't be read, or a line is no answer.
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
            raise JournalError(f"{path.name}:{number}: no answer: {first_problem(error)}", hint=ANEW) from error
    return tuple(answers)


def _key(answer: Answer) -> AnswerKey:
    return answer.variant, answer.set, answer.seed, answer.index


def _name(key: AnswerKey) -> str:
    variant, prompt_set, seed, index = key
    return f"the answer of {variant} to {prompt_set}[{index}] with seed {seed}"
