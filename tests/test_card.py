"""The model card: the base's, kept; our metadata and words; nothing of this machine; valid by huggingface_hub's own reading."""

from __future__ import annotations

import struct
import zlib
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from huggingface_hub import ModelCard, metadata_load
from typer.testing import CliRunner

from headsurgery import Recipe, diff_checkpoints, open_checkpoint, plan_surgery, restore_checkpoint
from headsurgery.card import write_card
from headsurgery.card.licences import find_licences
from headsurgery.card.metadata import kind_of, split_card
from headsurgery.card.picture import draw_heads
from headsurgery.card.sections import escape
from headsurgery.cli import app
from headsurgery.documents.front_matter import join_front_matter, read_front_matter
from headsurgery.errors import UsageError
from headsurgery.evaluation.records import Evaluation, Interval, Rate
from headsurgery.heads import HeadRef
from headsurgery.recipe import Geometry, HeadEdit, HeadScore, PromptRecord, Provenance, RecipeBase
from headsurgery.surgery.apply import apply_plan
from headsurgery.surgery.manifest import FileRecord, Manifest
from headsurgery.surgery.verify import verify_files
from tests.directories import COMMIT, contents, recipe_of
from tests.example_evaluation import EDITED, NASTY, example, rate, score_table
from tests.tiny import save_model

BASE_CARD = """---
license: apache-2.0
language:
- no
- en
tags:
- small
- conversational
base_model: org/older
new_version: org/newer
pipeline_tag: text-generation
inference: false
model-index:
- name: theirs
  results: []
widget:
- text: "Hello: 'you'"
---

# The base

It is *good*.
"""
ABLATE = recipe_of(*((head.layer, head.head, "scale", 0.0) for head in EDITED))
GEOMETRY = Geometry(num_layers=12, num_heads=8, num_kv_heads=8, head_dim=16, hidden_size=128)


def manifest_of(recipe: Recipe, model: str | None = "acme/Aligned-7B-Instruct", revision: str | None = COMMIT) -> Manifest:
    return Manifest(
        headsurgery="0.1.0",
        base=RecipeBase(model=model, revision=revision, model_type="llama", geometry=GEOMETRY, fingerprint="f" * 64),
        recipe_sha256="0" * 64,
        edits=[],
        parameters=1_000_000,
        parameters_changed=2_048,
        share=0.002048,
        files=[FileRecord(file="config.json", num_bytes=2, sha256="0" * 64)],
        left_out=[],
    )


def card_of(recipe: Recipe = ABLATE, base: str | None = BASE_CARD, *, manifest: Manifest | None = None, **given: Any) -> str:
    made = write_card(manifest or manifest_of(recipe), None if base is None else base.encode(), recipe=recipe, **given)
    assert set(made) == {"README.md", "headsurgery.png"}
    return made["README.md"].decode()


def data_of(card: str) -> dict[str, Any]:
    """As huggingface_hub reads it."""
    return ModelCard(card).data.to_dict()


def test_metadata_are_inherited_and_ours_come_on_top(tmp_path: Path) -> None:
    card = card_of()
    data = data_of(card)
    assert data["license"] == "apache-2.0"
    assert data["language"] == ["no", "en"], "Norwegian is not false"
    assert data["tags"] == ["small", "conversational", "headsurgery", "safety-heads", "ablated", "arxiv:2410.13708"]
    assert (data["base_model"], data["base_model_relation"]) == ("acme/Aligned-7B-Instruct", "finetune")
    assert (data["library_name"], data["pipeline_tag"], data["inference"]) == ("transformers", "text-generation", False)
    assert data["widget"] == [{"text": "Hello: 'you'"}]
    assert not data.keys() & {"new_version", "model-index"}, "the base's results are not this model's"
    (tmp_path / "README.md").write_text(card)
    assert metadata_load(tmp_path / "README.md") == yaml.safe_load(card.split("---\n")[1])


@pytest.mark.parametrize(
    ("factors", "kind"),
    [((0.0,), "ablated"), ((0.5, 2.0), "ablated"), ((-1.5,), "ablated"), ((1.5, 3.0), "reinforced"), ((1.0,), "reinforced")],
)
def test_ablated_or_reinforced(factors: tuple[float, ...], kind: str) -> None:
    recipe = recipe_of(*((0, head, "scale", factor) for head, factor in enumerate(factors)))
    assert kind_of(recipe.edits) == kind
    assert kind in data_of(card_of(recipe))["tags"]


def test_the_bases_text_stands_below_as_it_is() -> None:
    card = card_of()
    assert card.endswith("It describes the base.*\n\n# The base\n\nIt is *good*.\n")
    assert card.index("## Make, check and undo it") < card.index("# The base")


def test_cards_that_have_nothing_to_inherit(subtests: pytest.Subtests) -> None:
    for base in [
        None,
        "",
        "no metadata\n",
        "---\n---\ntext",
        "---\n[1]\n---\ntext",
        "---\n{\n---\ntext",
        "---\na: [\n---\n",
        "---\n1: 2\n---\nx",
    ]:
        with subtests.test(base=base):
            card = card_of(base=base)
            assert data_of(card)["library_name"] == "transformers"
            assert ("text" in card.rpartition("---")[2]) == bool(base and "text" in base)


def test_windows_line_ends_and_scripts() -> None:
    card = card_of(base="---\r\nlicense: mit\r\ntags: one\r\n---\r\n# Größe 🩺\r\n")
    assert data_of(card)["license"] == "mit"
    assert data_of(card)["tags"][0] == "one"
    assert "# Größe 🩺" in card


def test_what_was_changed_and_how_to_verify() -> None:
    card = card_of()
    assert "# Aligned-7B-Instruct, 3 attention heads ablated" in card
    assert "2,048 of 1,000,000 parameters (0.2048%)" in card
    for head in EDITED:
        assert f"| {head} | scale" in card
    assert f"headsurgery apply recipe.json acme/Aligned-7B-Instruct@{COMMIT} -o edited" in card
    assert f"headsurgery diff acme/Aligned-7B-Instruct@{COMMIT} edited --recipe recipe.json" in card
    assert "headsurgery restore edited -o base-again" in card
    assert "[arXiv 2410.13708](https://arxiv.org/abs/2410.13708)" in card
    assert "![The heads of the model](headsurgery.png)" in card


def test_a_local_base_is_not_named() -> None:
    card = card_of(manifest=manifest_of(ABLATE, model="alices-secret-model", revision=None))
    assert "alices-secret-model" not in card
    assert data_of(card)["base_model"] == "org/older", "what the base itself comes from"
    assert "headsurgery apply recipe.json BASE -o edited" in card
    assert "f" * 64 in card


def provenance(**changes: Any) -> Provenance:
    record = PromptRecord(name="builtin:decline", count=40, sha256="ab" * 32)
    given: dict[str, Any] = {
        "method": "refusal",
        "operation": "scale",
        "factor": 0.0,
        "unit": "nats",
        "contrast": 10.0,
        "prompts": record,
        "harmless": record.model_copy(update={"name": "builtin:harmless"}),
        "scores": [],
    }
    return Provenance(**given | changes)


def test_how_the_heads_were_found() -> None:
    score = HeadScore(layer=2, head=5, score=3.25, harmful=3.3, harmless=0.01)
    card = card_of(ABLATE.model_copy(update={"provenance": provenance(scores=[score])}))
    assert "`headsurgery attribute --method refusal` scored every head in nats with `scale` × 0 as a trial" in card
    assert f"- Prompts: builtin:decline (40, SHA-256 `{'ab' * 8}`)" in card
    assert "- Harmless control: builtin:harmless (40" in card
    assert "weighted 10" in card
    assert "L2H5 3.25" in card
    card = card_of(ABLATE.model_copy(update={"provenance": provenance(harmless=None, contrast=None)}))
    assert "- Harmless control: none" in card
    card = card_of(ABLATE.model_copy(update={"provenance": provenance(contrast=0.0)}))
    assert "weighted 0, so heads that every text needs may be among them" in card
    assert "chosen by hand" in card_of()


def test_a_control_that_gates_learned_from_is_no_missing_control() -> None:
    learned = provenance(method="gates", factor=None, unit="of the factor", contrast=0.0)
    card = card_of(ABLATE.model_copy(update={"provenance": learned}))
    assert "`headsurgery attribute --method gates` learned a factor for every head; its score is how far that lies from 1." in card
    assert f"builtin:harmless (40, SHA-256 `{'ab' * 8}`), whose answers are to stay as they are" in card
    assert "Harmless control: none" not in card


def test_the_measured_effect_stands_with_its_intervals() -> None:
    evaluation = example()
    card = card_of(evaluation=evaluation)
    line = next(line for line in card.splitlines() if line.startswith("| advbench: attack success rate (ASR) | keyword |"))
    assert "| 2 % [1, 4], n = 500 | 71 % [67, 75], n = 500 | 0 %, 0 of 500 | 0 %, 0 of 500 |" in line
    assert "KL from the base on harmless text: 0.0123 [0.0101, 0.0151] nats per token" in card
    index = data_of(card)["model-index"]
    assert [entry["dataset"]["name"] for entry in index[0]["results"]] == [entry.record.name for entry in evaluation.sets]
    metric = index[0]["results"][0]["metrics"][0]
    assert (metric["type"], metric["value"]) == ("attack_success_rate", 0.71)
    assert index[0]["results"][2]["metrics"][0]["type"] == "refusal_rate"
    assert data_of(card_of())["tags"], "without figures there is no model-index"
    assert "Not measured" in card_of()


def with_absences(base: int, mine: int, *, p_value: float = 1e-9) -> Evaluation:
    """The example, with so many answers of the first set gone, and another test against the base."""
    evaluation = example()
    changed = []
    for one in evaluation.measurements:
        gone = {"base": base, "sahara-3": mine}.get(one.variant, 0) if one.set == "advbench" else 0
        total = one.complied.total - gone
        paired = one.against_base and one.against_base.model_copy(update={"p_value": p_value})
        empty = Rate(count=0, total=0, interval=Interval(value=0.0, low=0.0, high=0.0))
        complied, refused = (
            (rate(min(share.count, total), total) if total else empty) if gone else share for share in (one.complied, one.refused)
        )
        update = {"complied": complied, "refused": refused, "no_answer": gone, "against_base": paired}
        changed.append(one.model_copy(update=update))
    return evaluation.model_copy(update={"measurements": tuple(changed)})


def row_of(card: str) -> list[str]:
    line = next(line for line in card.splitlines() if line.startswith("| advbench: attack success rate (ASR) | keyword |"))
    return [cell.strip() for cell in line.strip("|").split("|")]


@pytest.mark.parametrize(("base", "mine"), [(0, 100), (50, 0), (20, 499), (250, 250)])
def test_each_share_has_its_own_n_and_what_is_no_answer_is_said(base: int, mine: int) -> None:
    cells = row_of(card_of(evaluation=with_absences(base, mine)))
    assert cells[2].endswith(f"n = {500 - base}")
    assert cells[3].endswith(f"n = {500 - mine}")
    assert cells[4].endswith(f"{base} of 500")
    assert cells[5].endswith(f"{mine} of 500")


def test_a_model_that_gives_no_answer_at_all_has_no_share_and_no_figure() -> None:
    card = card_of(evaluation=with_absences(0, 500))
    assert row_of(card)[3] == "no answers, n = 0"
    assert row_of(card)[5] == "100 %, 500 of 500"
    assert "on advbench it" not in card
    assert "advbench" not in {entry["dataset"]["name"] for entry in data_of(card)["model-index"][0]["results"]}


@pytest.mark.parametrize(
    ("evaluation", "said"),
    [
        (None, "It was not measured whether the edit changes what it declines."),
        (with_absences(0, 0), "by judge keyword, on advbench it answered more prompts than its base"),
        (with_absences(0, 0, p_value=0.2), "on advbench it showed no clear difference from its base"),
        (example().model_copy(update={"measurements": ()}), "It was not measured whether"),
    ],
)
def test_the_card_says_of_the_effect_what_was_measured(evaluation: Evaluation | None, said: str) -> None:
    card = card_of(evaluation=evaluation)
    assert said in card
    assert "answers what its base would decline" not in card
    reinforced = recipe_of((0, 1, "scale", 2.0))
    assert "It was not measured whether the edit changes what it declines." in card_of(reinforced)


def test_doubts_about_the_choice_stand_in_the_card() -> None:
    doubted = provenance(notes=["no head stands out: *all* is rounding"])
    assert r"- Note: no head stands out\: \*all\* is rounding" in card_of(ABLATE.model_copy(update={"provenance": doubted}))


def test_names_of_sets_become_what_the_hub_allows() -> None:
    evaluation = example()
    renamed = {"advbench": "builtin:decline", "malicious-instruct": f"org/set@{COMMIT}:train", "xstest": "my prompts.txt"}
    text = evaluation.model_dump_json(by_alias=True)
    for old, new in renamed.items():
        text = text.replace(f'"{old}"', f'"{new}"')
    results = data_of(card_of(evaluation=type(evaluation).model_validate_json(text)))["model-index"][0]["results"]
    assert [entry["dataset"]["type"] for entry in results[:3]] == ["builtin-decline", "org/set", "my-prompts.txt"]
    assert (results[1]["dataset"]["revision"], results[1]["dataset"]["split"]) == (COMMIT, "train")


def test_figures_of_other_edits_are_refused() -> None:
    with pytest.raises(UsageError, match="about other edits"):
        card_of(recipe_of((0, 0, "scale", 0.0)), evaluation=example())


def test_a_strangers_words_become_no_markup() -> None:
    note = f"{NASTY}\n# heading\n[link](http://x) ![i](x) `code` | cell"
    card = card_of(ABLATE.model_copy(update={"provenance": Provenance(note=note)}))
    assert "\n# heading" not in card
    assert "<script" not in card.replace("\\<", "")
    assert escape("a|b`c<d>[e]") == r"a\|b\`c\<d\>\[e\]"
    assert escape("builtin:decline") == "builtin:decline"


def test_licences() -> None:
    card = card_of(base="---\nlicense: llama3.1\n---\n")
    assert "**Built with Llama.**" in card
    assert "Llama 3.1 is licensed under the Llama 3.1 Community License" in card
    assert "ai.google.dev/gemma/terms" in card_of(base="---\nlicense: gemma\n---\n")
    assert "Built with" not in card_of()
    (named,) = find_licences(["other", "llama3"])
    assert named.prefix == "Llama 3"
    assert [named.allows_name(name) for name in ("me/Llama-3-x", "me/llama3_x", "me/Llama-x", "Llama-3/x")] == [
        True,
        True,
        False,
        False,
    ]


def test_split_and_join() -> None:
    card = read_front_matter(BASE_CARD)
    data, text = dict(card.metadata), card.text
    card_again = read_front_matter(join_front_matter(data, text))
    again, kept = dict(card_again.metadata), card_again.text
    assert (again, kept.strip()) == (data, text.strip())
    assert read_front_matter("# only text\n---\na: b\n---\n").text == "# only text\n---\na: b\n---\n"


# The picture


def pixels_of(png: bytes) -> np.ndarray[Any, Any]:
    """A decoder of our own PNGs: RGB, unfiltered rows; checks every chunk's sum."""
    assert png[:8] == b"\x89PNG\r\n\x1a\n"
    place, chunks = 8, {}
    while place < len(png):
        length, kind = struct.unpack(">I4s", png[place : place + 8])
        data = png[place + 8 : place + 8 + length]
        assert zlib.crc32(kind + data) == int.from_bytes(png[place + 8 + length : place + 12 + length], "big")
        chunks[kind], place = data, place + 12 + length
    width, height, *rest = struct.unpack(">IIBBBBB", chunks[b"IHDR"])
    assert rest == [8, 2, 0, 0, 0]
    rows = np.frombuffer(zlib.decompress(chunks[b"IDAT"]), np.uint8).reshape(height, 1 + 3 * width)
    assert not rows[:, 0].any()
    return rows[:, 1:].reshape(height, width, 3)


def test_the_picture_shows_each_head_in_its_place() -> None:
    values = np.array([[0.0, 1.0, -1.0], [0.25, np.nan, 0.0]])
    pixels = pixels_of(draw_heads(values, {HeadRef(1, 0)}))
    assert pixels.shape == (24, 36, 3)
    middle = pixels[6::12, 6::12]  # [layer, head, 3]
    assert middle[0, 0].tolist() == [255, 255, 255]
    assert middle[0, 1].tolist() == [180, 4, 38]
    assert middle[0, 2].tolist() == [58, 76, 192]
    assert middle[1, 0, 0] > middle[0, 1, 0], "a quarter of the score is half the colour"
    assert pixels[12, 0].tolist() == [0, 0, 0], "framed"
    assert pixels[0, 12].tolist() == [255, 255, 255]


def test_the_picture_is_read_by_others(tmp_path: Path) -> None:
    image = pytest.importorskip("matplotlib.image")
    (tmp_path / "x.png").write_bytes(
        write_card(manifest_of(ABLATE), None, recipe=ABLATE, scores=score_table().combined)["headsurgery.png"]
    )
    assert image.imread(tmp_path / "x.png").shape[:2] == (12 * 12, 8 * 12)


def test_scores_of_another_model_are_refused() -> None:
    with pytest.raises(UsageError, match="belong to another model"):
        card_of(scores=np.zeros((3, 8)))


# In the checkpoint


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    save_model("llama", tmp_path / "base")
    (tmp_path / "base/README.md").write_text(BASE_CARD)
    (tmp_path / "recipe.json").write_text(recipe_of((0, 1, "scale", 0.0)).to_json())
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(*arguments: str, code: int = 0) -> str:
    result = CliRunner().invoke(app, list(arguments))
    assert result.exit_code == code, (result.stderr, result.exception)
    return result.stdout


@pytest.mark.parametrize("has_card", [True, False])
def test_apply_writes_it_and_restore_takes_it_back(has_card: bool, folder: Path) -> None:
    if not has_card:
        (folder / "base/README.md").unlink()
    run("apply", "recipe.json", "base", "-o", "edited")
    assert "1 attention head ablated" in (folder / "edited/README.md").read_text()
    assert (folder / "edited/headsurgery.base-card.md").exists() == has_card
    manifest = Manifest.load(folder / "edited")
    assert not verify_files(folder / "edited", manifest).problems
    assert {record.file for record in manifest.files} | {"headsurgery.json"} == contents(folder / "edited").keys()
    run("diff", "base", "edited", "--recipe", "recipe.json")
    run("restore", "edited", "-o", "back")
    assert contents(folder / "back") == contents(folder / "base")


def test_no_path_of_this_machine_is_in_it(folder: Path) -> None:
    run("apply", "recipe.json", str(folder / "base"), "-o", "edited")
    card = (folder / "edited/README.md").read_text()
    for place in (str(folder), str(Path.home()), folder.name):
        assert place not in card


def test_a_rewritten_card_is_no_fault_and_another_file_is(folder: Path) -> None:
    run("apply", "recipe.json", "base", "-o", "edited")
    (folder / "edited/README.md").write_text("mine")
    run("diff", "base", "edited", "--recipe", "recipe.json")
    run("restore", "edited", "-o", "back")
    assert contents(folder / "back") == contents(folder / "base")
    (folder / "edited/headsurgery.base-card.md").write_text("forged")
    found = verify_files(folder / "edited", Manifest.load(folder / "edited"))
    assert list(found.problems) == ["headsurgery.base-card.md"]
    assert "README.md: differs" in run("diff", "base", "edited", "--recipe", "recipe.json", code=1)


def test_cards_of_two_edited_checkpoints_are_compared_by_their_bases(folder: Path) -> None:
    run("apply", "recipe.json", "base", "-o", "one")
    (folder / "one/README.md").write_text("mine")
    (folder / "base/README.md").write_text("another")
    run("apply", "recipe.json", "base", "-o", "other")
    assert "README.md: differs" in run("diff", "one", "other", code=1)
    (folder / "other/headsurgery.base-card.md").write_text(BASE_CARD)
    run("diff", "one", "other")
    (folder / "base/README.md").write_text(BASE_CARD)
    assert "README.md" not in run("diff", "one", "base", code=1), "the two may be swapped"


def test_the_command(folder: Path) -> None:
    run("apply", "recipe.json", "base", "-o", "edited")
    before = contents(folder / "edited")
    assert run("card", "edited").strip() == before["README.md"].decode().strip()
    assert contents(folder / "edited") == before, "printing writes nothing"
    (folder / "edited/README.md").unlink()
    run("card", "edited", "--write")
    assert contents(folder / "edited") == before
    run("card", "base", code=1)
    assert "absent: no such directory" in CliRunner().invoke(app, ["card", "absent"]).stderr
    run("card", "edited", "--report", "absent", code=2)
    (folder / "report.json").write_text(example().model_dump_json(by_alias=True))
    run("card", "edited", "--report", "report.json", code=2)


def test_the_command_adds_figures_and_scores(folder: Path) -> None:
    recipe = Recipe(edits=(HeadEdit(layer=0, head=1), HeadEdit(layer=2, head=4)))
    checkpoint = open_checkpoint(folder / "base")
    apply_plan(plan_surgery(recipe, checkpoint), folder / "edited", write_card=lambda m, c: write_card(m, c, recipe=recipe))
    evaluation = example()
    variants = [v.model_copy(update={"edits": recipe.edits}) if v.name == "sahara-3" else v for v in evaluation.variants]
    (folder / "report").mkdir()
    report = evaluation.model_copy(update={"variants": tuple(variants)})
    (folder / "report/report.json").write_text(report.model_dump_json(by_alias=True))
    queries = np.random.default_rng(0).normal(size=(4, 3, 6))
    table = replace(score_table(), arrays={"ships": queries, "ships_harmless": queries[::-1].copy()})
    table.save(folder / "scores.safetensors", Provenance(method="ships", contrast=1.5))
    before = (folder / "edited/headsurgery.png").read_bytes()
    run("card", "edited", "--report", "report", "--scores", "scores.safetensors", "--write")
    assert (folder / "edited/headsurgery.png").read_bytes() != before
    card = (folder / "edited/README.md").read_text()
    assert "attack success rate" in card
    assert "Each head shows its score" in card
    assert diff_checkpoints(checkpoint, open_checkpoint(folder / "edited"), recipe=recipe).matches_recipe
    restore_checkpoint(folder / "edited", folder / "back")


def test_a_card_is_split_into_metadata_and_text_as_in_version_0_1() -> None:
    assert split_card("---\nlicense: apache-2.0\n---\n# Title\n")[0] == {"license": "apache-2.0"}
    assert split_card("# Title\n") == ({}, "# Title\n")
