"""Transfer the base's files to the directory of the edited checkpoint: link, clone or copy them, and edit them as planned.

Every file is hashed once, while it is copied. A linked file is only read; if its hash is known already, not even that
(`linking.trusted_sha256`). `unchanged` checks that the base stayed the same.
"""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Container, Mapping
from functools import partial
from pathlib import Path

import numpy as np

from headsurgery.errors import SurgeryError
from headsurgery.filesystem.hashing import hash_stream
from headsurgery.filesystem.linking import Link, can_clone, link_shard, trusted_sha256
from headsurgery.progress import StageProgress
from headsurgery.storage.codecs import Rewriter
from headsurgery.storage.tensors import Shard, TensorInfo, cut_as
from headsurgery.surgery.copying import ByteArray, Changes, CopiedFile, copy_file, copy_shard
from headsurgery.surgery.manifest import FileRecord
from headsurgery.surgery.plan import SurgeryPlan, TensorEdit
from headsurgery.surgery.unchanged import Looks, observe
from headsurgery.surgery.undo import UndoWriter
from headsurgery.surgery.workers import OnBytes, work_by_size


class Transfer:
    """Transfers files.

    Args:
        plan: The edits.
        staging: An empty directory.
        undo: Stores the original bytes of edited slices; None: they are not kept.
        link: How files that are not edited are transferred.
        on_progress: Called with the bytes done and the total.
    """

    def __init__(
        self, plan: SurgeryPlan, staging: Path, undo: UndoWriter | None, link: Link, on_progress: StageProgress | None
    ) -> None:
        self._plan, self._base, self._staging, self._undo, self._link = plan, plan.checkpoint.path, staging, undo, link
        self._shards: dict[str, Shard] = {shard.file: shard for shard in plan.checkpoint.shards}
        self._on_progress = on_progress
        self._trusted = {file: trusted_sha256(plan.checkpoint.files, file) for file in plan.files.copied}
        self._clones = link != "copy" and can_clone(self._base / plan.checkpoint.shards[0].file, staging)
        self.unread: list[str] = []
        """Files that were not read: their hashes are the names of the cache's files."""
        self.looks: Looks = plan.looks
        """Size and times of the base's files before they were read, and after links to them were made."""
        if link == "reflink" and not self._clones:
            raise SurgeryError(
                "--link reflink: files can't share blocks here", hint="use --link auto, which takes what the file system supports"
            )

    def run(self, names: Mapping[str, str]) -> list[FileRecord]:
        """Transfer files.

        Args:
            names: The base's files, each with its new name.

        Raises:
            CheckpointError: A file can't be read.
            SurgeryError: A file is damaged, or the requested kind of link is not possible.
            OSError: A file can't be written.
        """
        for name in names.values():
            (self._staging / name).parent.mkdir(parents=True, exist_ok=True)
        linked = {file for file, name in names.items() if self._is_linked(file, self._staging / name)}
        self.looks = {**self.looks, **observe(self._plan.checkpoint.files, linked)}
        if not self._clones:
            self._check_space(sum(self._plan.checkpoint.files.size_of(file) for file in names if file not in linked))
        sizes = {file: self._plan.checkpoint.files.size_of(file) for file in names}
        return work_by_size(sizes, partial(self._bring, names, linked), self._on_progress)

    def _is_linked(self, file: str, target: Path) -> bool:
        """Make a link if this file is to be linked. Only weights are, because people edit the other files by hand."""
        if file not in self._shards or _edits(self._plan, file) or (self._link == "auto" and self._clones):
            return False
        return link_shard(self._base, file, target, self._link)

    def _check_space(self, num_bytes: int) -> None:
        free = shutil.disk_usage(self._staging).free
        if free < num_bytes:
            raise OSError(errno.ENOSPC, f"{num_bytes} bytes needed, {free} free")

    def _bring(self, names: Mapping[str, str], linked: Container[str], file: str, on_bytes: OnBytes) -> FileRecord:
        """Copy and edit a file, or hash it if it is already linked."""
        name = names[file]
        brought = self._hash(file, on_bytes) if file in linked else self._copy(file, self._staging / name, on_bytes)
        if not brought.is_read:
            self.unread.append(name)
        promised = self._plan.checkpoint.files.content_id(file)
        if promised is not None and promised.digest != brought.before:
            raise SurgeryError(
                f"{file}: damaged in the Hub's cache: its content doesn't match the hash in its name; nothing was kept",
                hint=f"delete it and download the model again: {os.path.realpath(self._base / file)}",
            )
        return FileRecord(file=name, num_bytes=brought.num_bytes, sha256=brought.after, base_sha256=brought.before)

    def _hash(self, file: str, on_bytes: OnBytes) -> CopiedFile:
        num_bytes, digest = self._plan.checkpoint.files.size_of(file), self._trusted[file]
        if digest is not None:
            on_bytes(num_bytes)
            return CopiedFile(before=digest, after=digest, num_bytes=num_bytes, is_read=False)
        with self._plan.checkpoint.files.open(file) as source:
            digest = hash_stream(source, on_bytes)
        return CopiedFile(before=digest, after=digest, num_bytes=num_bytes)

    def _copy(self, file: str, target: Path, on_bytes: OnBytes) -> CopiedFile:
        changes = planned_changes(self._plan, file, self._undo)
        with self._plan.checkpoint.files.open(file) as source:
            if changes:
                return copy_shard(
                    source, cut_as(self._shards[file], _edits(self._plan, file)), target, changes, on_bytes, clone=self._clones
                )
            return copy_file(source, target, on_bytes, clone=self._clones, trusted=self._trusted[file])


def planned_changes(plan: SurgeryPlan, file: str, undo: UndoWriter | None) -> Changes:
    """The plan's changes of a file. The original bytes go to the undo file, if there is one."""
    by_name: dict[str, list[tuple[TensorEdit, Rewriter]]] = {}
    for edit in _edits(plan, file):
        by_name.setdefault(edit.tensor.name, []).append((edit, edit.rewriter(plan.checkpoint)))
    return {name: partial(_change, edits, undo) for name, edits in by_name.items()}


def _edits(plan: SurgeryPlan, file: str) -> list[TensorEdit]:
    return [edit for edit in plan.edits if edit.tensor.file == file]


def _change(
    edits: list[tuple[TensorEdit, Rewriter]], undo: UndoWriter | None, tensor: TensorInfo, first: int, rows: ByteArray
) -> ByteArray:
    """Change the planned slices of one chunk, and store the original bytes in the undo file."""
    pieces = [(edit, rewrite, piece) for edit, rewrite in edits if (piece := edit.locate(first, len(rows))) is not None]
    if not pieces:
        return rows
    changed: ByteArray = rows.copy()
    for edit, rewrite, piece in pieces:
        original = np.ascontiguousarray(rows[piece.rows, piece.columns])
        if undo is not None:
            undo.write(edit, piece, original)
        changed[piece.rows, piece.columns] = edit.merge(changed[piece.rows, piece.columns], rewrite(original, piece.first))
    return changed
