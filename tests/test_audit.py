"""What an audit finds: against a base everything, by itself what its statistics can show; and nothing where nothing was done."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from typer.testing import CliRunner

from headsurgery import HeadEdit, HeadRef, Recipe, apply_plan, diff_checkpoints, open_checkpoint, plan_surgery
from headsurgery.auditing import Audit, examine, examine_against
from headsurgery.auditing.declared_base import find_base
from headsurgery.auditing.matrices import low_rank
from headsurgery.cli import app
from headsurgery.storage.safetensors import WEIGHTS
from tests.exhaustive import all_but
from tests.tiny import save_model

O_PROJ = "model.layers.1.self_attn.o_proj.weight"
WIDE: dict[str, Any] = {"hidden_size": 384, "head_dim": 64, "num_attention_heads": 6, "num_key_value_heads": 2}
"""Heads with enough weights to have statistics: 384 x 64."""


@pytest.fixture(scope="module", params=all_but([torch.bfloat16], [torch.bfloat16, torch.float16]), ids=str)
def base(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_model("llama", tmp_path_factory.mktemp("audit") / "base", dtype=request.param, **WIDE)


def edit(base: Path, out: Path, *edits: HeadEdit) -> Path:
    apply_plan(plan_surgery(Recipe(edits=edits), open_checkpoint(base)), out)
    return out


def audit(path: Path) -> Audit:
    return examine(open_checkpoint(path))


def rewrite(path: Path, **changes: torch.Tensor) -> Path:
    save_file({**load_file(path / WEIGHTS), **changes}, path / WEIGHTS, metadata={"format": "pt"})
    return path


class TestByItself:
    def test_nothing_is_found_where_nothing_was_done(self, base: Path) -> None:
        found = audit(base)
        assert (found.findings, found.is_tampered, found.recipe) == ((), False, None)
        assert "not detectable without a base" in found.notes[0]

    @pytest.mark.parametrize("operation", ["scale", "uniform_attention"])
    def test_zeros_are_proven(self, operation: str, base: Path, tmp_path: Path) -> None:
        out = edit(
            base, tmp_path / "out", HeadEdit(layer=1, head=3, operation=operation), HeadEdit(layer=2, head=0, operation=operation)
        )
        found = audit(out).findings
        assert [(entry.head, entry.operation, entry.factor, entry.certainty) for entry in found] == [
            (HeadRef(1, 3), operation, 0.0, "proven"),
            (HeadRef(2, 0), operation, 0.0, "proven"),
        ]

    @pytest.mark.parametrize("operation", ["scale", "uniform_attention"])
    @pytest.mark.parametrize("factor", all_but([0.7], [0.7, 1.5, 0.3]))
    def test_a_factor_leaves_a_comb(self, operation: str, factor: float, base: Path, tmp_path: Path) -> None:
        out = edit(base, tmp_path / "out", *(HeadEdit(layer=1, head=head, operation=operation, factor=factor) for head in (0, 4)))
        found = audit(out)
        assert {(entry.head, entry.operation) for entry in found.findings if entry.certainty == "strong"} == {
            (HeadRef(1, 0), operation),
            (HeadRef(1, 4), operation),
        }
        assert found.is_tampered

    def test_in_float32_an_edited_head_is_finer_than_the_rest(self, base: Path, tmp_path: Path) -> None:
        weights = {name: values.float() for name, values in load_file(base / WEIGHTS).items()}
        (tmp_path / "wide").mkdir()
        save_file(weights, tmp_path / "wide" / WEIGHTS, metadata={"format": "pt"})
        (tmp_path / "wide/config.json").write_bytes((base / "config.json").read_bytes())
        assert not audit(tmp_path / "wide").findings
        out = edit(tmp_path / "wide", tmp_path / "out", *(HeadEdit(layer=0, head=head, factor=0.7) for head in (1, 2)))
        assert [(entry.head, entry.certainty) for entry in audit(out).findings] == [
            (HeadRef(0, 1), "strong"),
            (HeadRef(0, 2), "strong"),
        ]

    def test_a_large_power_of_two_is_only_unusual(self, base: Path, tmp_path: Path) -> None:
        found = audit(edit(base, tmp_path / "out", HeadEdit(layer=1, head=2, factor=4.0)))
        (entry,) = found.findings
        assert (entry.head, entry.certainty) == (HeadRef(1, 2), "weak")
        assert entry.factor == pytest.approx(4, rel=0.1)
        assert not found.is_tampered

    def test_a_grain_that_all_heads_have_is_no_alarm(self, base: Path, tmp_path: Path) -> None:
        """As after a quantization, or a conversion from another type."""
        copy = save_model("llama", tmp_path / "coarse", dtype=torch.float16, **WIDE)
        coarse = {name: values.to(torch.bfloat16).to(torch.float16) for name, values in load_file(copy / WEIGHTS).items()}
        assert not audit(rewrite(copy, **coarse)).findings


class TestAgainstTheBase:
    def test_the_recipe_is_recovered_bit_for_bit(self, base: Path, tmp_path: Path) -> None:
        edits = (
            HeadEdit(layer=0, head=1, factor=0.7),
            HeadEdit(layer=1, head=3, operation="uniform_attention"),
            HeadEdit(layer=2, head=5, factor=2.0),
        )
        out = edit(base, tmp_path / "out", *edits)
        found = examine_against(open_checkpoint(out), open_checkpoint(base))
        assert found.recipe is not None
        assert (found.recipe.edits, found.is_exact, found.other) == (edits, True, {})
        assert diff_checkpoints(open_checkpoint(base), open_checkpoint(out), recipe=found.recipe).matches_recipe

    @pytest.mark.parametrize("rank", [1, 4])
    def test_a_low_rank_change_is_told_from_fine_tuning(self, rank: int, base: Path, tmp_path: Path) -> None:
        weight = load_file(base / WEIGHTS)[O_PROJ]
        chance = torch.Generator().manual_seed(0)
        low = torch.randn(384, rank, generator=chance) @ torch.randn(rank, 384, generator=chance) * 0.05
        full = torch.randn(384, 384, generator=chance) * 0.05
        for change, words in ((low, f"of rank {rank}"), (full, "of no low rank, as after merging with another model")):
            out = tmp_path / words.split(",")[0].replace(" ", "-")
            edit(base, out, HeadEdit(layer=0, head=0))
            rewrite(out, **{O_PROJ: (weight.float() + change).to(weight.dtype)})
            found = examine_against(open_checkpoint(out), open_checkpoint(base))
            assert words in found.other[O_PROJ]
            assert not found.is_exact
            assert found.recipe is not None
            assert found.recipe.edits == (HeadEdit(layer=0, head=0),), "what was multiplied is recovered beside it"

    def test_the_same_is_found_untouched(self, base: Path) -> None:
        found = examine_against(open_checkpoint(base), open_checkpoint(base))
        assert (found.findings, found.other, found.is_tampered, found.recipe) == ((), {}, False, None)


def test_rounding_alone_has_no_rank() -> None:
    noise = np.random.default_rng(0).normal(0, 1e-3, (64, 64)).astype(np.float32)
    assert low_rank(noise, rounding=float((noise.astype(np.float64) ** 2).sum())) is None
    assert low_rank(noise, rounding=0.0) is None
    assert low_rank(np.outer(np.ones(64), np.ones(64)).astype(np.float32), rounding=0.0) == 1


class TestWhichBase:
    @pytest.mark.parametrize(
        ("card", "expected"),
        [
            ("---\nlicense: mit\nbase_model: org/base\n---\ntext", "org/base"),
            ("---\nbase_model:\n- org/base\n- org/other\n---\n", "org/base"),
            ("---\nbase_model: ../../secret\n---\n", None),
            ("base_model: org/base\n", None),
            ("---\nlicense: mit\n---\nbase_model: org/base\n", None),
        ],
    )
    def test_a_card_names_it(self, card: str, expected: str | None, tmp_path: Path) -> None:
        path = save_model("llama", tmp_path / "model")
        (path / "README.md").write_text(card)
        assert find_base(open_checkpoint(path)) == expected

    def test_a_manifest_with_a_local_base_names_none(self, base: Path, tmp_path: Path) -> None:
        assert find_base(open_checkpoint(edit(base, tmp_path / "out", HeadEdit(layer=0, head=0)))) is None


class TestTheCommand:
    def test_it_recovers_a_recipe(self, base: Path, tmp_path: Path) -> None:
        out = edit(base, tmp_path / "out", HeadEdit(layer=0, head=1, factor=0.7))
        written = tmp_path / "recovered.json"
        result = CliRunner().invoke(app, ["audit", str(out), "--base", str(base), "-o", str(written), "--fail-on-tamper"])
        assert result.exit_code == 1
        assert "base and recovered recipe give its weights, bit for bit" in result.stdout
        assert Recipe.load(written).edits == (HeadEdit(layer=0, head=1, factor=0.7),)
        assert "its manifest says: L0H1 scale × 0.7; headsurgery verify checks that" in result.stderr

    def test_it_replaces_its_own_files_only(self, base: Path, tmp_path: Path) -> None:
        out = edit(base, tmp_path / "out", HeadEdit(layer=0, head=1, factor=0.7))
        command = ["audit", str(out), "--base", str(base), "-o"]
        assert [CliRunner().invoke(app, [*command, str(tmp_path / "recovered.json")]).exit_code for _ in range(2)] == [0, 0]
        (tmp_path / "mine.json").write_text("mine")
        for path, words in ((tmp_path / "mine.json", "headsurgery did not write it"), (base / "a.json", "lies inside the model")):
            result = CliRunner().invoke(app, [*command, str(path)])
            assert (result.exit_code, words in result.stderr.replace("\n", " ")) == (2, True)
        assert (tmp_path / "mine.json").read_text() == "mine"
        assert CliRunner().invoke(app, [*command, str(tmp_path / "mine.json"), "--force"]).exit_code == 0

    def test_an_untouched_checkpoint_passes(self, base: Path) -> None:
        result = CliRunner().invoke(app, ["audit", str(base), "--fail-on-tamper", "--json"])
        assert result.exit_code == 0
        assert json.loads(result.stdout)["tampered"] is False

    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            (["--blind", "--base", "x"], "expected one of the two"),
            (["-o", "found.json"], "a recipe can be recovered against a base only"),
        ],
    )
    def test_flags_that_contradict_each_other(self, arguments: list[str], message: str, base: Path) -> None:
        result = CliRunner().invoke(app, ["audit", str(base), *arguments])
        assert result.exit_code == 2
        assert message in result.stderr
