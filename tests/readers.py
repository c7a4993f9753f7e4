"""Who reads strangers' files: for each kind of input a tiny valid one, and every function that comes near it. See `fuzzing`."""

from __future__ import annotations

import json
import random
import shutil
from collections.abc import Callable
from contextlib import AbstractContextManager
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np

from headsurgery import Recipe, apply_plan, diff_checkpoints, open_checkpoint, plan_surgery
from headsurgery.architectures.declaration import Architecture
from headsurgery.architectures.location import locate_heads
from headsurgery.architectures.table import TABLE
from headsurgery.auditing import examine, examine_against
from headsurgery.auditing.declared_base import find_base
from headsurgery.card.write import write_card
from headsurgery.documents.front_matter import join_front_matter, read_front_matter
from headsurgery.edits.anatomy import describe, prove_anatomy
from headsurgery.filesystem.workplace import JOURNAL, PENDING
from headsurgery.storage.checkpoint import Checkpoint
from headsurgery.storage.safetensors import INDEX, WEIGHTS
from headsurgery.surgery.base_files import CARD, MANIFEST, PREVIOUS, UNDO
from headsurgery.surgery.in_place import recover, restore_in_place
from headsurgery.surgery.in_place.pending import PendingChange
from headsurgery.surgery.manifest import Manifest
from headsurgery.surgery.restore import restore_checkpoint
from headsurgery.surgery.verify import verify_checkpoint
from tests.bench import CARD_TEXT, CONFIG, EDITS, GGUF, GGUF_EDITS, Bench
from tests.fuzzing import mutate, mutate_bytes, mutate_file, mutate_gguf, mutate_values
from tests.strange_prompts import make_prompt_file, make_template, read_prompt_file, read_template


def examine_all(bench: Bench, folder: Path, *, deep: bool = True, base: Checkpoint | None = None, edits: Recipe = EDITS) -> None:
    """Everything that reads a stranger's checkpoint."""
    base = base or bench.base
    checkpoint = open_checkpoint(folder)
    find_base(checkpoint)
    prove_anatomy(checkpoint)
    show(describe(checkpoint))
    if deep:
        compare_all(base, checkpoint, edits)
    plan = plan_surgery(edits, checkpoint)
    show(plan.to_json())
    if deep:
        apply_plan(plan, bench.out)


def compare_all(base: Checkpoint, checkpoint: Checkpoint, edits: Recipe) -> None:
    """Everything that reads two."""
    for one, other in ((base, checkpoint), (checkpoint, base)):
        show(diff_checkpoints(one, other).to_json())
        show(examine_against(other, one).to_json())
    show(diff_checkpoints(base, checkpoint, recipe=edits).to_json())
    show(examine(checkpoint).to_json())


def show(document: Any) -> None:
    """As the command line prints it."""
    json.dumps(document, ensure_ascii=False, allow_nan=False).encode()


def read_config(bench: Bench, data: bytes, chance: random.Random) -> None:
    """A configuration in its checkpoint, and against the first name that its family's weights have."""
    with bench.changed("base", "config.json", data) as folder:
        config = open_checkpoint(folder).config
        shapes = {name: tensor.shape for name, tensor in bench.base.tensors.items()}
        row = TABLE.get(str(config.get("model_type")))
        if row is not None and row.model_type != "llama":
            shapes[f"{row.layer_name(row.layers[0], 0, 2)}.{row.of_layer(0).o_proj}.weight"] = (24, 24)
            locate_heads(config, shapes)
        examine_all(bench, folder, deep=chance.random() < 0.2)


def row_config(row: Architecture) -> dict[str, Any]:
    """A configuration with every key that a row names."""
    keys = row.config
    numbers = [
        keys.num_layers,
        keys.num_heads,
        keys.num_kv_heads,
        keys.head_dim,
        keys.hidden_size,
        *keys.q_inputs,
        *keys.qk_head_dim,
    ]
    numbers += [key for key in (keys.own_heads, *keys.aliases.values(), *keys.defaults) if key]
    section: dict[str, Any] = dict.fromkeys(numbers, 4) | {keys.num_layers: 2, keys.hidden_size: 24, keys.head_dim: 6}
    section |= {key: False for key in (keys.one_kv_head, keys.unless, row.weightless_q_norm) if isinstance(key, str)}
    section |= {keys.layer_types: [*(keys.by_type or ["full_attention"]), "other"][:2], "per_layer_config": {"0": {"head_dim": 6}}}
    section |= {other: [4, 2] for other in keys.by_layer.values()}
    section |= {other: 4 for stand_ins in keys.by_type.values() for other in stand_ins.values()}
    for alias in keys.aliases:
        outer, _, inner = alias.rpartition(".")
        if outer:
            section[outer] = {inner: 4}
    whole = section if keys.section is None else {keys.section: section, "num_nextn_predict_layers": 0}
    return {"model_type": row.model_type, **whole}


def read_header_file(bench: Bench, data: bytes, chance: random.Random) -> None:
    """A safetensors file in its checkpoint."""
    with bench.changed("base", WEIGHTS, data) as folder:
        examine_all(bench, folder)


def read_gguf(bench: Bench, data: bytes, chance: random.Random) -> None:
    """A GGUF file in its folder."""
    with bench.changed("gguf", GGUF, data) as folder:
        examine_all(bench, folder, deep=chance.random() < 0.3, base=open_checkpoint(bench.root / "gguf"), edits=GGUF_EDITS)


def read_values(bench: Bench, data: bytes, chance: random.Random) -> None:
    """Weights of another type, with odd values."""
    folder = "half" if b'"F16"' in data else "double"
    with bench.changed(folder, WEIGHTS, data) as case:
        examine_all(bench, case, base=open_checkpoint(bench.root / folder))


def read_index(bench: Bench, data: bytes, chance: random.Random) -> None:
    """An index in its checkpoint."""
    with bench.changed("sharded", INDEX, data) as folder:
        examine_all(bench, folder, deep=chance.random() < 0.3)


def read_recipe(bench: Bench, data: bytes, chance: random.Random) -> None:
    """A recipe, as a file."""
    path = bench.root / "case.json"
    path.write_bytes(data)
    recipe = Recipe.load(path)
    assert Recipe.parse(recipe.to_json()) == recipe
    plan = plan_surgery(recipe, bench.base)
    show(plan.to_json())
    diff_checkpoints(bench.base, open_checkpoint(bench.root / "edited"), recipe=recipe)
    try:
        apply_plan(plan, bench.out)
    finally:
        shutil.rmtree(bench.root / "outputs", ignore_errors=True)


def read_manifest(bench: Bench, data: bytes, chance: random.Random) -> None:
    """A manifest in its edited checkpoint."""
    with bench.changed("edited", MANIFEST, data) as folder:
        read_edited(bench, folder)


def read_undo(bench: Bench, data: bytes, chance: random.Random) -> None:
    """An undo file likewise."""
    with bench.changed("edited", UNDO, data) as folder, agreeing(bench, "edited", UNDO, data):
        read_edited(bench, folder)


def agreeing(bench: Bench, folder: str, file: str, data: bytes) -> AbstractContextManager[Path]:
    """The manifest with the hashes of a file that was changed, so that these don't stop what is wrong with it."""
    manifest = json.loads((bench.root / folder / MANIFEST).read_text())
    digest = sha256(data).hexdigest()
    for record in manifest["files"]:
        if record["file"] == file:
            record |= {"num_bytes": len(data), "sha256": digest} | ({"base_sha256": digest} if record["base_sha256"] else {})
    return bench.changed(folder, MANIFEST, json.dumps(manifest).encode())


def read_history(bench: Bench, data: bytes, chance: random.Random) -> None:
    """The manifest of the first of two steps."""
    with bench.changed("twice", EARLIER, data) as folder, agreeing(bench, "twice", EARLIER, data):
        read_edited(bench, folder)


def read_edited(bench: Bench, folder: Path) -> None:
    """Everything that reads an edited checkpoint; one that fails doesn't keep the others from trying."""
    from headsurgery.errors import HeadSurgeryError

    recipe = Recipe.load(bench.root / "edited" / "recipe.json")
    failed: HeadSurgeryError | None = None
    place = bench.out.with_name("place")
    for read in (
        lambda: find_base(open_checkpoint(folder)),
        lambda: show(Manifest.load(folder).model_dump(by_alias=True)),
        lambda: write_card(Manifest.load(folder), CARD_TEXT, recipe=recipe),
        lambda: verify_checkpoint(folder),
        lambda: verify_checkpoint(folder, base=bench.base),
        lambda: restore_checkpoint(folder, bench.out),
        lambda: restore_in_place(shutil.copytree(folder, place)),
        lambda: plan_surgery(EDITS, open_checkpoint(folder)),
    ):
        try:
            read()
        except HeadSurgeryError as error:
            failed = error
    if failed is not None:
        raise failed


def todo_list(bench: Bench) -> dict[str, Any]:
    """What a journal of a change of `edited` may say."""
    data = (bench.root / "edited" / UNDO).read_bytes()[400 : 400 + 24 * 24]
    write = {"file": WEIGHTS, "offset": 4000, "length": 24, "stride": 96, "count": 24, "source": UNDO, "start": 400}
    return {
        "schema": "headsurgery.journal/1",
        "outcome": "finished",
        "writes": [{**write, "sha256": sha256(data).hexdigest()}],
        "moves": [{"source": MANIFEST, "target": f"{PREVIOUS}/{MANIFEST}"}, {"source": CARD, "target": MANIFEST}],
    }


def seal(data: bytes) -> bytes:
    """A journal with the checksum that it ought to have, so that this doesn't stop what is wrong with it."""
    try:
        pending = PendingChange.model_validate(json.loads(data))
    except (ValueError, RecursionError):
        return data
    return pending.model_copy(update={"checksum": pending.compute_checksum()}).model_dump_json(by_alias=True).encode()


def read_journal(bench: Bench, data: bytes, chance: random.Random) -> None:
    """The journal of a change in place."""
    place = Path(shutil.copytree(bench.root / "edited", bench.out.with_name("place")))
    try:
        (place / JOURNAL).mkdir()
        (place / JOURNAL / PENDING).write_bytes(seal(data))
        recover(place, lambda _: None)
    finally:
        shutil.rmtree(bench.root / "outputs")


def read_card(bench: Bench, data: bytes, chance: random.Random) -> None:
    """A model card."""
    with bench.changed("base", CARD, data) as folder:
        find_base(open_checkpoint(folder))
        card = read_front_matter(data)
        again = read_front_matter(join_front_matter(card.metadata, card.text))
        assert (again.metadata, again.problem) == (card.metadata, "")
        write_card(Manifest.load(bench.root / "edited"), data, recipe=EDITS)


def read_scores(bench: Bench, data: bytes, chance: random.Random) -> None:
    """A scores file."""
    from headsurgery.attribution.comparison import compare_rankings, read_ranking
    from headsurgery.cli.card import _read_scores

    path = bench.root / "case.safetensors"
    path.write_bytes(data)
    other = bench.root / "scores.safetensors"
    if not other.exists():
        other.write_bytes(SCORES)
    compare_rankings([read_ranking(path, 3), read_ranking(other, 3)])
    _read_scores(path)


def _scores() -> bytes:
    from safetensors.numpy import save

    table = np.random.default_rng(0).standard_normal((2, 2, 4))
    record = json.dumps({"method": "ships", "contrast": 1.0, "operation": "scale"})
    return save({"ships": table, "ships_harmless": table[:1] / 2}, metadata={"headsurgery": record})


SCORES = _scores()
EARLIER = f"{PREVIOUS}/{MANIFEST}"
Reader = Callable[[Bench, bytes, random.Random], None]
READERS: dict[str, Reader] = {
    "header": read_header_file,
    "index": read_index,
    "recipe": read_recipe,
    "manifest": read_manifest,
    "undo": read_undo,
    "journal": read_journal,
    "history": read_history,
    "values": read_values,
    "gguf": read_gguf,
    "config": read_config,
    "card": read_card,
    "scores": read_scores,
    "prompts": read_prompt_file,
    "template": read_template,
}


def make_input(kind: str, bench: Bench, chance: random.Random) -> bytes:
    """A damaged input of a kind."""
    files = {"header": bench.root / "base" / WEIGHTS, "undo": bench.root / "edited" / UNDO}
    if kind in files:
        return mutate_file(files[kind].read_bytes(), chance)
    if kind == "values":
        return mutate_values((bench.root / chance.choice(("half", "double")) / WEIGHTS).read_bytes(), chance)
    if kind == "gguf":
        return mutate_gguf((bench.root / "gguf" / GGUF).read_bytes(), chance)
    if kind == "scores":
        return mutate_file(SCORES, chance)
    if kind == "card":
        return mutate_bytes(CARD_TEXT, chance)
    if kind == "prompts":
        return make_prompt_file(chance)
    if kind == "template":
        return make_template(chance)
    if kind == "recipe":
        full = {"schema": "headsurgery.recipe/1", "base": {"geometry": {"num_layers": 2, "num_heads": 4}, "model_type": "llama"}}
        edits = [{"layer": 0, "head": 1, "operation": "scale", "factor": 0.5}, {"head": "L1H2"}, {"head": "1-3", "factor": 2.0}]
        provenance = {"method": "ships", "scores": [{"layer": 0, "head": 1, "score": 1.0, "harmful": 1.0}], "versions": {"a": "1"}}
        return mutate(
            chance.choice(({**full, "edits": edits, "provenance": provenance}, {"0-1": ["q", "v"], "1-2": {"factor": 0.5}})), chance
        )
    if kind == "journal":
        return mutate(todo_list(bench), chance)
    if kind == "history":
        return mutate(json.loads((bench.root / "twice" / EARLIER).read_text()), chance)
    if kind == "manifest":
        return mutate(json.loads((bench.root / "edited" / MANIFEST).read_text()), chance)
    if kind == "config" and chance.random() < 0.5:
        return mutate(row_config(TABLE[chance.choice(sorted(TABLE))]), chance)
    return mutate({"index": bench.index, "config": CONFIG}[kind], chance)


def prepare(kind: str, bench: Bench, seed: int) -> tuple[bytes, Callable[[], None]]:
    """Make an input, and what reads it."""
    chance = random.Random(f"{kind} {seed}")
    data = make_input(kind, bench, chance)
    return data, lambda: READERS[kind](bench, data, chance)
