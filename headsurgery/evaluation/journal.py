"""The journal of an evaluation: answers as they come, so that a run that breaks off goes on where it was.

`answers.jsonl` holds one `Answer` a line and nothing else; beside it, `answers.run.json` states the run's settings. A batch is
appended at a time. A last line without its line feed was torn by a crash and is cut; any other flaw, and a journal of other
settings, is refused. One process writes at a time: the file is locked while it is open. `MemoryJournal` keeps nothing on disk.
Neighbours: `generate` and `endpoint` make the answers.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from io import FileIO
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from headsurgery.behaviour.answers import Answer
from headsurgery.documents.atomic import write_atomically
from headsurgery.documents.settings import first_difference
from headsurgery.errors import HeadSurgeryError
from headsurgery.filesystem.file_locks import lock_open_file
from headsurgery.recipe import first_problem

if TYPE_CHECKING:
    from typing_extensions import Self

_SCHEMA = "headsurgery.answers/1"

AnswerKey = tuple[str, str, int, int]
"""Variant, set, seed, index."""


class JournalError(HeadSurgeryError):
    """A journal that is damaged, can't be written, or is another run's."""


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


class AnswerJournal(MemoryJournal):
    """The answers of one run, on disk and in memory.

    Args:
        path: Of `answers.jsonl`; its directory exists.
        settings: All that the answers depend on, as JSON: base, edits, sets' hashes, decoding, batch size, dtype, ...
        force: Start anew where a journal of another run, or a damaged one, stands.

    Raises:
        JournalError: It is another run's, being written by another process, damaged, or can't be written.
    """

    def __init__(self, path: Path, settings: Mapping[str, Any], *, force: bool = False) -> None:
        super().__init__()
        self.path = path
        self._settings: dict[str, Any] = json.loads(json.dumps(settings))
        is_new = not path.exists()
        self._file = self._open()
        try:
            self._begin_or_resume(force=force)
        except BaseException:
            if is_new and not os.fstat(self._file.fileno()).st_size:
                path.unlink(missing_ok=True)
            self._file.close()
            raise

    def _open(self) -> FileIO:
        """The file, locked for this process."""
        with self._writing():
            file = FileIO(self.path, "ab")
        try:
            lock_open_file(file.fileno())
        except BlockingIOError as error:
            file.close()
            raise JournalError(f"{self.path}: another run is writing it", hint="wait for it, or give another -o") from error
        return file

    def _begin_or_resume(self, *, force: bool) -> None:
        try:
            self._resume()
        except JournalError:
            if not force:
                raise
            self._answers = {}
            self._write_anew()

    def close(self) -> None:
        """Close the file; what was appended is in it already."""
        self._file.close()

    def _write(self, answers: Iterable[Answer]) -> None:
        """In one write."""
        data = "".join(f"{answer.to_line()}\n" for answer in answers).encode()
        with self._writing():
            while data:
                data = data[self._file.write(data) :]

    @property
    def _settings_path(self) -> Path:
        return self.path.with_suffix(".run.json")

    def _resume(self) -> None:
        """Read what is there, or begin."""
        found = self._read_settings()
        if found is None:
            if os.fstat(self._file.fileno()).st_size:
                raise JournalError(
                    f"{self.path.name} is there without {self._settings_path.name}, so its run is unknown", hint=_OTHER_PLACE
                )
            self._write_anew()
            return
        different = first_difference(found, self._settings)
        if different:
            raise JournalError(f"{self.path.name} is another run's: {different}", hint=_OTHER_PLACE)
        self._cut_torn_line()
        for answer in read_answers(self.path):
            if _key(answer) in self._answers:
                raise JournalError(f"{self.path.name}: {_name(_key(answer))} is there twice", hint=_OTHER_PLACE)
            self._answers[_key(answer)] = answer

    def _read_settings(self) -> dict[str, Any] | None:
        try:
            document = json.loads(self._settings_path.read_bytes())
        except FileNotFoundError:
            return None
        except OSError as error:
            raise JournalError(f"{self._settings_path.name}: can't be read: {error.strerror}") from error
        except (ValueError, RecursionError):
            document = None
        if not isinstance(document, dict) or document.get("schema") != _SCHEMA or not isinstance(document.get("settings"), dict):
            raise JournalError(f"{self._settings_path.name}: expected the settings of a run, {_SCHEMA!r}", hint=_OTHER_PLACE)
        settings: dict[str, Any] = document["settings"]
        return settings

    def _write_anew(self) -> None:
        """Settings first gone, then the answers, then the new settings: a crash in between is never taken for a run's answers."""
        document = json.dumps({"schema": _SCHEMA, "settings": self._settings}, indent=2, ensure_ascii=False) + "\n"
        with self._writing():
            self._settings_path.unlink(missing_ok=True)
            os.truncate(self._file.fileno(), 0)
            write_atomically(self._settings_path, document.encode())

    def _cut_torn_line(self) -> None:
        with self._writing():
            data = self.path.read_bytes()
            whole = data.rfind(b"\n") + 1
            if whole < len(data):
                os.truncate(self._file.fileno(), whole)

    @contextmanager
    def _writing(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise JournalError(f"{self.path}: can't write the answers: {error.strerror}") from error


_OTHER_PLACE = "give another -o, or --force to begin anew; the answers there are lost then"


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
            raise JournalError(f"{path.name}:{number}: no answer: {first_problem(error)}", hint=_OTHER_PLACE) from error
    return tuple(answers)


def _key(answer: Answer) -> AnswerKey:
    return answer.variant, answer.set, answer.seed, answer.index


def _name(key: AnswerKey) -> str:
    variant, prompt_set, seed, index = key
    return f"the answer of {variant} to {prompt_set}[{index}] with seed {seed}"
