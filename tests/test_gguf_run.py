"""GGUF files that are run: loaded dequantized by transformers, scored, and edited by the recipe that was found on them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from typer.testing import CliRunner

pytest.importorskip("gguf")
pytest.importorskip("accelerate")

from headsurgery.cli import app
from headsurgery.errors import ModelError
from headsurgery.model.as_stored import check_as_stored
from headsurgery.model.dequantizing import origin_of
from headsurgery.model.loading import load_model
from headsurgery.recipe import Recipe
from headsurgery.storage.checkpoint import open_checkpoint
from tests.gguf_files import Tiny, read_values, save_gguf
from tests.runnable_gguf import save_runnable


@pytest.mark.parametrize("dtype", ["F16", "Q4_0", "Q8_0", "Q4_K", "Q6_K", "IQ4_XS"])
@pytest.mark.parametrize("architecture", ["llama", "qwen2"])
def test_the_model_is_the_file(tmp_path: Path, architecture: str, dtype: str) -> None:
    path = save_runnable(tmp_path / "x.gguf", architecture=architecture, dtype=dtype)
    model = load_model(path, device="cpu").model
    wanted = read_values(path)["blk.1.attn_output.weight"]
    assert torch.equal(model.get_parameter("model.layers.1.self_attn.o_proj.weight"), torch.from_numpy(wanted))


@pytest.mark.parametrize("projection", ["q_proj", "o_proj"])
def test_other_values_are_noticed(tmp_path: Path, projection: str) -> None:
    path = save_runnable(tmp_path / "x.gguf", dtype="Q4_K")
    model = load_model(path, device="cpu", dtype="bfloat16").model
    check_as_stored(model, open_checkpoint(path))
    with torch.no_grad():
        model.get_parameter(f"model.layers.1.self_attn.{projection}.weight")[70, 70] += 1
    with pytest.raises(ModelError, match=r"transformers loaded other values than x\.gguf holds"):
        check_as_stored(model, open_checkpoint(path))


class TestCommands:
    """From the heads of a GGUF file to its edit, all on that file."""

    def run(self, *arguments: object, code: int = 0) -> str:
        result = CliRunner().invoke(app, [str(argument) for argument in arguments])
        assert result.exit_code == code, result.output
        return result.output

    def test_a_recipe_that_was_found_on_the_file_applies_to_it(self, tmp_path: Path) -> None:
        path, recipe, out = save_runnable(tmp_path / "x.gguf"), tmp_path / "recipe.json", tmp_path / "out"
        prompts = tmp_path / "prompts.txt"
        prompts.write_text("w1 w2 w3\nw4 w5 w6\nw7 w8\n")
        said = self.run("attribute", path, "--prompts", prompts, "--method", "ships", "--device", "cpu", "-o", recipe)
        assert "x.gguf is loaded dequantized (transformers' gguf_file), to float32" in said
        base = Recipe.load(recipe).base
        assert base is not None
        assert (base.model, base.model_type) == ("x.gguf", "llama")
        assert base.fingerprint == open_checkpoint(path).fingerprint()
        self.run("apply", recipe, path, "-o", out)
        self.run("verify", out)
        asked = ["--prompts", prompts, "--kind", f"{prompts}=harmful", "--max-new-tokens", 4, "--judge", "keyword"]
        said = self.run("evaluate", recipe, out, "--base", path, *asked, "--device", "cpu", "-o", tmp_path / "e")
        assert said.count("x.gguf is loaded dequantized") == 1
        answers = [json.loads(line) for line in (tmp_path / "e/answers.jsonl").read_text().splitlines()]
        by_variant: dict[str, list[object]] = {}
        for answer in answers:
            by_variant.setdefault(answer["variant"], []).append(answer["text"])
        _, hooked, edited = by_variant.values()
        assert hooked == edited, "the recipe as hooks, and the edited file"

    def test_what_transformers_cannot_load(self, tmp_path: Path) -> None:
        path = save_gguf(tmp_path / "x.gguf", Tiny())
        said = self.run("attribute", path, "--prompts", "builtin:decline", code=1)
        assert "x.gguf: transformers can't load it: the tokenizer" in said
        assert "evaluate the file in llama.cpp's server with --endpoint" in said

    def test_a_split_model(self, tmp_path: Path) -> None:
        first, _ = (save_runnable(tmp_path / f"x-0000{number}-of-00002.gguf") for number in (1, 2))
        with pytest.raises(ModelError, match="transformers loads no GGUF model that is split") as found:
            origin_of(first)
        assert "llama-gguf-split --merge x-00001-of-00002.gguf" in found.value.hint
