"""Gather the files to send: those that the manifest lists, with the current card."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from headsurgery.card.files import check_card, load_base_card
from headsurgery.card.licences import Licence, find_licences, find_licences_in_text
from headsurgery.card.metadata import kind_of
from headsurgery.card.write import write_card
from headsurgery.documents.front_matter import FrontMatter, decode_card, read_front_matter
from headsurgery.errors import SurgeryError
from headsurgery.filesystem.files import Directory, start_hash
from headsurgery.hub.files import Listed
from headsurgery.progress import Progress, of_stage
from headsurgery.recipe import Recipe
from headsurgery.storage.checkpoint import open_checkpoint
from headsurgery.storage.gguf import SUFFIX
from headsurgery.surgery.base_files import ATTRIBUTES, BASE_CARD, CARD, MANIFEST, PICTURE, RECIPE
from headsurgery.surgery.history import read_history
from headsurgery.surgery.manifest import FileRecord, Manifest
from headsurgery.surgery.verify import verify_files

NOTICE = "NOTICE"
_TOKEN = re.compile(r"hf_[A-Za-z0-9]{30,}")
_LICENCE_FILE = re.compile(
    r"(?:.*/)?(?:licen[sc]es?/[^/]*|[^/]*licen[sc]e[^/]*|copying[^/]*|terms[^/]*|use[-_ ]?policy[^/]*)", re.IGNORECASE
)
_NO_NAME = re.compile(r"other|unknown|custom|proprietary|none|null|no|see .*|", re.IGNORECASE)
"""Values of a licence field that name no licence."""
_MAX_LICENCE = 2**20
"""Bytes. A larger file is not treated as a licence's text."""
_RECIPE_ONLY = (CARD, PICTURE, RECIPE)


@dataclass(frozen=True, kw_only=True)
class Item:
    """One file to send.

    Args:
        record: Its name, size and hashes.
        source: Where it lies, or the bytes themselves.
    """

    record: FileRecord
    source: Path | bytes

    def read(self) -> bytes:
        """The bytes."""
        return self.source if isinstance(self.source, bytes) else self.source.read_bytes()

    def equals(self, there: Listed) -> bool:
        """Whether the Hub has an identical file."""
        if there.content is None or there.num_bytes != self.record.num_bytes:
            return False
        if there.content.kind == "sha256":
            return there.content.digest == self.record.sha256
        digest = start_hash("git", self.record.num_bytes)
        digest.update(self.read())
        return digest.hexdigest() == there.content.digest

    @property
    def is_as_in_base(self) -> bool:
        """Whether the base has an identical file under this name."""
        return self.record.sha256 == self.record.base_sha256 and self.record.base_file == self.record.file


@dataclass(frozen=True, kw_only=True)
class PushContents:
    """Everything that a push sends.

    Args:
        items: The files, sorted by name; the manifest describes them all but itself.
        manifest: As it is sent.
        ablates: Whether any step weakens a head, or may.
        terms: What the base's licences ask for.
        notes: What the user should know.
    """

    items: tuple[Item, ...]
    manifest: Manifest
    ablates: bool
    terms: Terms
    notes: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Terms:
    """What is known about the base's licences.

    Args:
        licences: Those that ask for something.
        unread: Why nobody knows the licence, in a sentence; empty where a card states it, or states none.
        notes: What the user should know.
    """

    licences: tuple[Licence, ...]
    unread: str = ""
    notes: tuple[str, ...] = ()


def gather_contents(
    directory: Path, *, recipe_only: bool = False, force: bool = False, on_progress: Progress | None = None
) -> PushContents:
    """Check an edited checkpoint against its manifest, and gather what is to be sent. Nothing is written.

    Args:
        directory: The edited checkpoint.
        recipe_only: Only recipe, manifest and card.
        force: Don't look for tokens and local paths in the card.
        on_progress: Called with the stage, `checking`, and bytes checked and in all.

    Raises:
        CheckpointError: No such directory, or no manifest in it.
        SurgeryError: A file is not what the manifest says.
        HeadSurgeryError: The card is not valid, or tells a token or a path of this machine.
    """
    manifest = Manifest.load(directory)
    recipe = Recipe.load(directory / RECIPE)
    found = verify_files(directory, manifest, on_progress=of_stage(on_progress, "checking"))
    problems = {file: what for file, what in found.problems.items() if file not in (CARD, PICTURE)}
    if problems:
        file, what = next(iter(problems.items()))
        more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
        raise SurgeryError(f"{directory}: {file}: {what}{more}", hint="apply the recipe again; nothing was sent")
    items = {record.file: _item(record, directory) for record in manifest.files if record.file not in found.problems}
    items |= _card(directory, items, manifest, recipe)
    try:
        text = items[CARD].read().decode()
    except UnicodeDecodeError as error:
        raise SurgeryError(
            f"{CARD}: not UTF-8", hint="save it as UTF-8, or make a new one with headsurgery card DIR --write"
        ) from error
    check_card(text)
    terms = _find_terms(directory, items, read_front_matter(text))
    notices = [licence.notice for licence in terms.licences if licence.notice]
    if recipe_only:
        items = {file: items[file] for file in _RECIPE_ONLY}
    elif notices and not any(file.lower().startswith("notice") for file in items):
        items[NOTICE] = _new(NOTICE, "".join(f"{notice}\n" for notice in notices).encode())
    recorded = {record.file: record for record in manifest.files} if recipe_only else {}
    records = recorded | {item.record.file: item.record for item in items.values()}
    manifest = manifest.model_copy(update={"files": sorted(records.values(), key=lambda record: record.file)})
    items[MANIFEST] = _new(MANIFEST, manifest.to_json().encode())
    if not force:
        _refuse_secrets(directory, [items[file] for file in (CARD, RECIPE, MANIFEST)])
    return PushContents(
        items=tuple(items[file] for file in sorted(items)),
        manifest=manifest,
        ablates=any(kind_of(step.manifest.edits) != "reinforced" for step in read_history(Directory(directory))),
        terms=terms,
        notes=() if recipe_only else (*_notes(found.others), *terms.notes),
    )


def _find_terms(directory: Path, items: Mapping[str, Item], card: FrontMatter) -> Terms:
    """Find the base's licences in the cards, ours and the base's own, and in GGUF files; or in a LICENSE file if these name none.

    Args:
        directory: The edited checkpoint.
        items: What is to be sent.
        card: README.md.
    """
    base_card = items[BASE_CARD].read() if BASE_CARD in items else load_base_card(directory)
    base = read_front_matter(base_card or b"")
    in_weights = _licence_in_gguf(directory, items)
    stated = (*card.licences, *base.licences, *in_weights)
    licences, notes = find_licences(stated), []
    names_one = bool(card.licences or in_weights or (base.licences and not base.problem))
    is_unnamed = not names_one or any(_NO_NAME.fullmatch(words.strip()) for words in stated)
    files = sorted(file for file in items if _is_licence_file(file, stated, is_unnamed=is_unnamed))
    texts = {file: decode_card(items[file].read()) for file in files if items[file].record.num_bytes <= _MAX_LICENCE}
    if not names_one:
        texts["the base's card"] = base.text
    for file, text in texts.items():
        found = find_licences_in_text(text)
        licences += tuple(licence for licence in found if licence not in licences)
        if is_unnamed and not (licences or found) and file in items:
            notes.append(f"no card names a licence, and {file} is included: check there whether edited copies may be shared")
    lines = f"; it has {' and '.join(base.licences)!r}" if base.licences else ""
    unread = f"the metadata of the base's card can't be read ({base.problem}){lines}" if base.problem and not card.licences else ""
    return Terms(licences=licences, unread=unread, notes=tuple(notes))


def _licence_in_gguf(directory: Path, items: Mapping[str, Item]) -> tuple[str, ...]:
    """The licence that a GGUF file's metadata name. Its base may have had a card that is not beside it."""
    if not any(file.lower().endswith(SUFFIX) for file in items):
        return ()
    stated = open_checkpoint(directory).config.get("general.license")
    return (stated,) if isinstance(stated, str) and stated else ()


def _is_licence_file(file: str, stated: Iterable[str], *, is_unnamed: bool) -> bool:
    """Whether a file is named like a licence's text (if the cards name no licence), or is linked as one by a card."""
    linked = any(words.strip().split("?")[0].split("#")[0].removeprefix("./").endswith(file) for words in stated)
    return linked or (is_unnamed and _LICENCE_FILE.fullmatch(file) is not None)


def _notes(others: tuple[str, ...]) -> tuple[str, ...]:
    more = f", and {len(others) - 3} more" if len(others) > 3 else ""
    return (f"not sent, because the manifest doesn't list it: {', '.join(others[:3])}{more}",) if others else ()


def _card(directory: Path, items: dict[str, Item], manifest: Manifest, recipe: Recipe) -> dict[str, Item]:
    """The card and its picture as they are. If there is no card, because `apply` made none or it was deleted, a new one."""
    if CARD in items and PICTURE in items:
        return {file: _new(file, (directory / file).read_bytes(), directory / file) for file in (CARD, PICTURE)}
    added: dict[str, Item] = {}
    base_card = load_base_card(directory)
    if base_card is None and CARD in items and items[CARD].record.base_file == CARD:
        base_card = items[CARD].read()
        record = items[CARD].record.model_copy(update={"file": BASE_CARD})
        added[BASE_CARD] = Item(record=record, source=directory / CARD)
    earlier = [step.manifest for step in read_history(Directory(directory))[1:]]
    made = write_card(manifest, base_card, recipe=recipe, earlier=earlier)
    return added | {file: _new(file, data) for file, data in made.items()}


def _item(record: FileRecord, directory: Path) -> Item:
    path = directory / record.file
    return Item(record=record, source=path.read_bytes()[: record.num_bytes] if record.file == ATTRIBUTES else path)


def _new(file: str, data: bytes, path: Path | None = None) -> Item:
    return Item(record=FileRecord(file=file, num_bytes=len(data), sha256=sha256(data).hexdigest()), source=path or data)


def _refuse_secrets(directory: Path, items: list[Item]) -> None:
    places = {str(Path.home()), str(directory.resolve().parent)} - {"/"}
    for item in items:
        text = item.read().decode(errors="replace")
        is_token = any(len(set(token)) > 12 for token in _TOKEN.findall(text))
        if is_token or any(re.search(rf"{re.escape(place)}(?![\w.-])", text) for place in places):
            what = "a Hub token" if is_token else "a path of this machine"
            raise SurgeryError(f"{item.record.file}: contains {what}", hint="remove it, or use --force if it may be published")
