"""The tool as a person at a notebook uses it: one live model, objects that show themselves, files by their names."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import transformers

import headsurgery as hs
from headsurgery.documents.tables import Table
from headsurgery.errors import HeadSurgeryError, ModelError, RecipeError, UsageError
from headsurgery.notebook import places
from tests.hub_server import HubServer
from tests.tiny import build_model, build_tokenizer, save_model

PROMPTS = ["w3 w4 w5", "w6 w7", "w8 w9 w10", "w11 w12"]
CONTROL = ["w13 w14", "w15 w16 w17"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return save_model("llama", tmp_path / "somewhere" / "tiny")


@pytest.fixture
def model(folder: Path) -> hs.LiveModel:
    return hs.load(folder, dtype="float32")


def find(model: hs.LiveModel, **options: Any) -> hs.Attribution:
    return model.attribute(PROMPTS, harmless=CONTROL, method="ships", **options)


def test_the_whole_job_in_four_lines(model: hs.LiveModel, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    found = find(model)
    report = model.evaluate(found.recipe, harmful=PROMPTS, harmless=False, random_draws=1, max_new_tokens=3)
    manifest = found.recipe.apply("edited")  # its base is a folder elsewhere; this process knows where
    assert manifest.base.model == "tiny"
    assert hs.verify("edited", base=folder).problems == {}
    assert hs.diff(folder, "edited", recipe=found.recipe).matches_recipe
    assert [variant.kind for variant in report.evaluation.variants] == ["base", "recipe", "random"]
    assert not hs.audit(folder).is_tampered
    assert hs.audit("edited", base=folder).is_tampered
    assert (tmp_path / "edited/README.md").is_file(), "the card"


def test_what_is_found_is_what_attribute_finds(model: hs.LiveModel) -> None:
    direct = hs.attribute(
        model.model,
        model.tokenizer,
        hs.PromptSet.from_texts(PROMPTS, name="prompts"),
        harmless=hs.PromptSet.from_texts(CONTROL, name="harmless"),
        method="ships",
    )
    found = find(model)
    assert found.recipe.edits == direct.recipe.edits
    assert np.array_equal(found.scores.combined, direct.scores.combined, equal_nan=True)
    assert found.recipe.base.fingerprint is not None


def test_evaluation_asks_the_loaded_model_and_gives_the_answers_of_a_fresh_one(
    model: hs.LiveModel, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe = find(model).recipe
    options: dict[str, Any] = {"harmless": False, "random_draws": 0, "max_new_tokens": 4, "dtype": "float32"}
    fresh = hs.evaluate(
        [recipe], base=folder, prompts=[hs.PromptSet.from_texts(PROMPTS, name="harmful", kind="harmful")], **options
    )
    monkeypatch.setattr("headsurgery.evaluation.local.load_model", lambda *_, **__: pytest.fail("loaded again"))
    mine = model.evaluate(recipe, harmful=PROMPTS, **{key: value for key, value in options.items() if key != "dtype"})
    assert [answer.text for answer in mine.answers] == [answer.text for answer in fresh.answers]
    assert next(model.model.parameters()).device.type == "cpu", "it is still there"
    assert mine.evaluation.sets[0].kind == "harmful"


def test_edits_are_hooks_that_come_off(model: hs.LiveModel) -> None:
    ids = torch.tensor([[3, 4, 5]])
    before = model.model(ids).logits
    with model.edited([hs.HeadEdit(layer=1, head=2)]) as same:
        assert same is model
        assert not torch.equal(model.model(ids).logits, before)
    assert torch.equal(model.model(ids).logits, before)
    with pytest.raises(KeyError), model.edited([hs.HeadEdit(layer=1, head=2)]):
        raise KeyError
    assert torch.equal(model.model(ids).logits, before)


def test_one_prompt_is_answered(model: hs.LiveModel) -> None:
    assert isinstance(model.answer("w3 w4", max_new_tokens=3), str)


def test_a_model_that_is_held_keeps_its_mode_and_settings(folder: Path) -> None:
    held = transformers.AutoModelForCausalLM.from_pretrained(folder).train()
    held.model.layers[0].eval()
    held.generation_config.repetition_penalty = 2.0
    modes = [module.training for module in held.modules()]
    model = hs.load(held, transformers.AutoTokenizer.from_pretrained(folder))
    assert model.base is not None
    assert model.base.model == "tiny"
    found = find(model)
    report = model.evaluate(found.recipe, harmful=PROMPTS[:2], harmless=False, random_draws=0, max_new_tokens=3)
    model.answer("w3", max_new_tokens=2)
    assert held.generation_config.repetition_penalty == 2.0
    assert [module.training for module in held.modules()] == modes
    fresh = hs.load(folder, dtype="float32").evaluate(
        found.recipe, harmful=PROMPTS[:2], harmless=False, random_draws=0, max_new_tokens=3
    )
    assert [answer.text for answer in report.answers] == [answer.text for answer in fresh.answers], "its penalty plays no part"


def test_a_model_made_in_memory_is_worked_with_too(tmp_path: Path) -> None:
    model = hs.load(build_model("llama"), build_tokenizer())
    assert model.base is None
    assert "base not known" in repr(model)
    found = find(model)
    report = model.evaluate(found.recipe, harmful=PROMPTS[:2], harmless=False, random_draws=0, max_new_tokens=3)
    assert report.evaluation.base == "model-in-memory"
    with pytest.raises(RecipeError, match="names no base") as refused:
        found.recipe.apply(tmp_path / "edited")
    assert "base=" in refused.value.hint
    model.save(tmp_path / "base")
    found.recipe.apply(tmp_path / "edited", base=tmp_path / "base")
    assert find(model).recipe.base.model == "base"
    with pytest.raises(ModelError, match="exists already"):
        model.save(tmp_path / "base")


def test_a_model_whose_weights_were_changed_is_not_taken_for_its_base(folder: Path) -> None:
    held = transformers.AutoModelForCausalLM.from_pretrained(folder)
    with torch.no_grad():
        held.model.layers[1].self_attn.o_proj.weight.mul_(2)
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    with pytest.raises(ModelError, match="says that it was loaded from"):
        hs.load(held, tokenizer)
    with pytest.raises(ModelError):
        hs.load(held, tokenizer, base=folder)


def test_load_refuses_what_does_not_belong_together(folder: Path) -> None:
    with pytest.raises(UsageError, match="needs its tokenizer"):
        hs.load(build_model("llama"))
    with pytest.raises(UsageError, match="belong to a model that is loaded"):
        hs.load(folder, build_tokenizer())
    with pytest.raises(TypeError, match="colour"):
        hs.load(folder, colour="red")


def test_the_recipe_of_another_process_needs_its_base(model: hs.LiveModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    recipe = find(model).recipe
    recipe.save(tmp_path / "recipe.json")
    monkeypatch.setattr(places, "_PATHS", {})
    with pytest.raises(RecipeError, match="local folder 'tiny', which is not here"):
        hs.Recipe.load(tmp_path / "recipe.json").apply(tmp_path / "edited")
    monkeypatch.chdir(tmp_path / "somewhere")  # there it is, under its name
    hs.Recipe.load(tmp_path / "recipe.json").apply(tmp_path / "edited")


def test_heads_are_a_table_best_first(model: hs.LiveModel) -> None:
    found = find(model, top=2)
    heads = found.heads
    assert isinstance(heads, Table)
    assert len(heads) == 18
    assert heads[0].score == np.nanmax(found.scores.combined)
    assert [row.score for row in heads] == sorted((row.score for row in heads), reverse=True)
    assert len(heads[:3]) == 3
    assert [heads.to_dict(row)["chosen"] for row in heads[:3]] == [1, 2, None]


def test_a_data_frame_needs_pandas_and_says_so(model: hs.LiveModel, monkeypatch: pytest.MonkeyPatch) -> None:
    heads = find(model).heads
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(UsageError, match="pandas") as refused:
        heads.to_dataframe()
    assert "pip install" in refused.value.hint


class Pandas:
    """What `to_dataframe` needs of pandas, which is no dependency."""

    class DataFrame(list[Any]):
        pass


def test_data_frames_have_a_column_per_figure(model: hs.LiveModel, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pandas", Pandas)
    found = find(model)
    rows = found.heads.to_dataframe()
    assert rows[0].keys() == {"layer", "head", "score", "harmful", "harmless", "chosen"}
    report = model.evaluate(found.recipe, harmful=PROMPTS, harmless=False, random_draws=0, max_new_tokens=2)
    figures = report.to_dataframe()
    assert [row["variant"] for row in figures] == ["base", "recipe"]
    assert {"set", "judge", "n", "complied", "complied_low", "refused", "p_value"} <= figures[0].keys()


def test_a_plot_needs_matplotlib_and_says_so(model: hs.LiveModel, monkeypatch: pytest.MonkeyPatch) -> None:
    found = find(model)
    assert found.plot().axes
    monkeypatch.delitem(sys.modules, "headsurgery.report.png")
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    for name in [name for name in sys.modules if name.startswith("matplotlib.")]:
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(UsageError, match="matplotlib") as refused:
        found.plot()
    assert "headsurgery[report]" in refused.value.hint


def test_a_notebook_shows_heat_map_and_tables_and_escapes_what_they_hold(model: hs.LiveModel) -> None:
    found = find(model)
    page = found._repr_html_()
    assert page.count("<rect") > 18
    assert "L0H0" in page
    assert "<script" not in page
    table = Table(what="<b>", rows=("<script>",) * 30, to_dict=lambda text: {"a<b": text})
    assert "<script>" not in table._repr_html_()
    assert "and 10 more" in table._repr_html_()
    report = model.evaluate(found.recipe, harmful=PROMPTS, harmless=False, random_draws=0, max_new_tokens=2)
    assert "<table>" in report._repr_html_()


def test_scores_load_as_what_was_saved(model: hs.LiveModel, tmp_path: Path) -> None:
    found = find(model)
    found.scores.save(tmp_path / "scores.safetensors")
    loaded = hs.load_scores(tmp_path / "scores.safetensors")
    assert np.array_equal(loaded.combined, found.scores.combined, equal_nan=True)
    assert loaded.chosen == found.scores.chosen
    assert loaded.provenance == found.recipe.provenance
    assert loaded.per_query is not None
    assert loaded.per_query.shape == (4, 3, 6)  # [query, layer, head]
    assert [vars(row) for row in loaded.heads] == [vars(row) for row in found.heads]
    assert (loaded.method, loaded.unit) == ("ships", found.scores.unit)
    (tmp_path / "other.safetensors").write_bytes(b"no")
    with pytest.raises(HeadSurgeryError, match="not a scores file"):
        hs.load_scores(tmp_path / "other.safetensors")


def test_rankings_are_compared_in_memory_and_from_files(model: hs.LiveModel, tmp_path: Path) -> None:
    one, other = find(model), find(model, operation="uniform_attention")
    one.scores.save(tmp_path / "one.safetensors")
    one.recipe.save(tmp_path / "one.json")
    (found,) = hs.compare(one, other, top=5, names=["scaled", "uniform"])
    assert (found.first, found.second) == ("scaled", "uniform")
    assert found.population == 18
    (same,) = hs.compare(tmp_path / "one.safetensors", one.scores, top=5)
    assert len(same.common) == 5
    assert same.correlation == pytest.approx(1)
    assert len(hs.compare(tmp_path / "one.json", one, other)) == 3
    with pytest.raises(UsageError, match="1 names for 2"):
        hs.compare(one, other, names=["scaled"])


def test_a_report_loads_as_the_evaluation(model: hs.LiveModel, tmp_path: Path) -> None:
    report = model.evaluate(find(model).recipe, harmful=PROMPTS, harmless=False, random_draws=0, max_new_tokens=2)
    hs.write_report(report.evaluation, report.answers, tmp_path / "report")
    assert hs.load_report(tmp_path / "report") == report.evaluation
    assert hs.load_report(tmp_path / "report" / "report.json").figures[0].variant == "base"
    with pytest.raises(UsageError, match="can't be read as a report"):
        hs.load_report(tmp_path / "nowhere.json")


def test_live_objects_show_themselves_on_a_line(model: hs.LiveModel) -> None:
    found = find(model)
    report = model.evaluate(found.recipe, harmful=PROMPTS, harmless=False, random_draws=1, max_new_tokens=2)
    for value in (model, found, found.scores, found.heads, report, report.evaluation, report.evaluation.figures):
        assert len(repr(value)) <= 400
        assert "\n" not in repr(value)
    assert "18 heads in 3 layers, float32 on cpu" in repr(model)
    assert "best: L" in repr(found)


def test_progress_names_the_stages(model: hs.LiveModel, tmp_path: Path) -> None:
    stages: list[str] = []
    found = find(model, on_progress=lambda stage, done, total: stages.append(stage))
    found.recipe.apply(tmp_path / "edited", on_progress=lambda stage, done, total: stages.append(stage))
    assert list(dict.fromkeys(stages)) == ["scoring heads x prompts", "writing", "reading"]


def test_a_model_on_the_hub_is_loaded_by_its_id_and_its_recipe_applied_by_it(hub: HubServer, tmp_path: Path) -> None:
    save_model("llama", tmp_path / "base")
    commit = hub.add("org/base", {path.name: path.read_bytes() for path in (tmp_path / "base").iterdir()}).resolve("main")
    model = hs.load("org/base", dtype="float32")
    assert model.base is not None
    assert (model.base.model, model.base.revision) == ("org/base", commit)
    found = find(model)
    assert (found.recipe.base.model, found.recipe.base.revision) == ("org/base", commit)
    places._PATHS.clear()
    assert found.recipe.apply(tmp_path / "edited").base.revision == commit
