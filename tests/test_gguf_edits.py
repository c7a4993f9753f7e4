"""Edits inside GGUF files: every type and head width, against the `gguf` package's own dequantization."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from headsurgery.cli import app
from headsurgery.comparing.diff import diff_checkpoints
from headsurgery.errors import GeometryError, SurgeryError
from headsurgery.push.contents import gather_contents
from headsurgery.recipe import Geometry, HeadEdit, Recipe, RecipeBase
from headsurgery.storage.block_types import BLOCK_TYPES
from headsurgery.storage.checkpoint import open_checkpoint
from headsurgery.surgery.apply import apply_plan
from headsurgery.surgery.in_place import apply_in_place, restore_in_place
from headsurgery.surgery.plan import SurgeryPlan, plan_surgery
from headsurgery.surgery.restore import restore_checkpoint
from headsurgery.surgery.verify import verify_checkpoint
from tests.exhaustive import all_but
from tests.gguf_files import CODEBOOKS, HEADS, READABLE, Tiny, places, read_values, save_gguf, store
from tests.gguf_table import PAGE, make_cells, with_table

O_PROJ, Q_PROJ = "blk.1.attn_output.weight", "blk.1.attn_q.weight"


def edit(operation: str = "scale", factor: float = 0.0, head: int = 1) -> HeadEdit:
    return HeadEdit.model_validate({"layer": 1, "head": head, "operation": operation, "factor": factor})


def plan(path: Path, *edits: HeadEdit) -> SurgeryPlan:
    return plan_surgery(Recipe(edits=edits), open_checkpoint(path))


def own(operation: str, tiny: Tiny, head: int = 1) -> tuple[slice, slice]:
    block = slice(head * tiny.head_dim, (head + 1) * tiny.head_dim)
    return (slice(None), block) if operation == "scale" else (block, slice(None))


def check(path: Path, out: Path, tiny: Tiny, edits: tuple[HeadEdit, ...], *, most: float) -> None:
    """Every head of the recipe is its base times the factor, up to the rounding allowed, and nothing else differs by a bit."""
    before, after = read_values(path), read_values(out / path.name)
    for one in edits:
        name, place = O_PROJ if one.operation == "scale" else Q_PROJ, own(one.operation, tiny, one.head)
        wanted, found = before[name][place] * np.float64(one.factor), after[name][place]
        if one.factor == 0:
            assert not found.any()
        else:
            assert np.linalg.norm(found - wanted) <= most * np.linalg.norm(wanted)
        before[name], after[name] = before[name].copy(), after[name].copy()
        before[name][place] = after[name][place] = 0
    assert all(np.array_equal(before[name].view(np.uint32), after[name].view(np.uint32)) for name in before)
    edited = {O_PROJ if one.operation == "scale" else Q_PROJ for one in edits}
    old, new = (bytearray(file.read_bytes()) for file in (path, out / path.name))
    for name, place in sorted(places(path).items(), key=lambda item: -item[1].start):
        if name in edited:
            old[place] = new[place] = b""
    assert old == new


def test_factor_1_is_an_identical_copy(tmp_path: Path) -> None:
    path = save_gguf(tmp_path / "x.gguf", Tiny(dtype="NVFP4", head_dim=80))
    apply_plan(plan(path, edit(factor=1.0), edit("uniform_attention", 1.0)), tmp_path / "out")
    assert (tmp_path / "out/x.gguf").read_bytes() == path.read_bytes()


EXPECTED_REFUSALS = {
    (dtype, head_dim)
    for dtype, run in {"Q4_1": 32, "Q5_1": 32, "Q4_K": 32, "Q5_K": 32, "IQ4_NL": 32, "IQ4_XS": 32}.items()
    for head_dim in HEADS
    if head_dim % run
}
"""A head of 80 begins in the middle of 32 elements that share a scale, and these types have no code for 0 under an offset."""


@pytest.mark.parametrize("dtype", all_but(["Q4_1", "Q4_K", "Q6_K", "MXFP4"], READABLE))
def test_factor_0_is_exact_or_refused_by_name(dtype: str, tmp_path: Path) -> None:
    for head_dim in HEADS:
        for operation in ("scale", "uniform_attention") if head_dim == 64 else ("scale",):
            tiny = Tiny(dtype=dtype, head_dim=head_dim)
            path, out = save_gguf(tmp_path / f"{head_dim}{operation}.gguf", tiny), tmp_path / f"{head_dim}{operation}"
            if operation == "scale" and (dtype, head_dim) in EXPECTED_REFUSALS:
                with pytest.raises(SurgeryError, match=r"no code of .* means 0"):
                    plan(path, edit(operation))
                continue
            planned = plan(path, edit(operation))
            assert planned.is_exact
            apply_plan(planned, out)
            check(path, out, tiny, (edit(operation),), most=0)


@pytest.mark.parametrize("dtype", all_but(["IQ3_S", "TQ1_0"], CODEBOOKS))
def test_of_a_codebook_only_whole_blocks_are_edited(dtype: str, tmp_path: Path) -> None:
    tiny = Tiny(dtype=dtype, head_dim=256)
    path, narrow = save_gguf(tmp_path / "x.gguf", tiny), save_gguf(tmp_path / "y.gguf", Tiny(dtype=dtype))
    apply_plan(plan(path, edit()), tmp_path / "out")
    check(path, tmp_path / "out", tiny, (edit(),), most=0)
    apply_plan(plan(narrow, edit("uniform_attention", 0.5)), tmp_path / "rows")
    check(narrow, tmp_path / "rows", Tiny(dtype=dtype), (edit("uniform_attention", 0.5),), most=0)
    with pytest.raises(SurgeryError, match="share a stored element"):
        plan(narrow, edit())


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    dtype=st.sampled_from(READABLE),
    head_dim=st.sampled_from(sorted(HEADS)),
    operation=st.sampled_from(["scale", "uniform_attention"]),
    factor=st.sampled_from([0.5, 2.0, -1.0]) | st.floats(0.05, 1.5),
    seed=st.integers(0, 2**16),
)
def test_other_factors_are_as_exact_as_the_plan_says(
    tmp_path_factory: pytest.TempPathFactory, dtype: str, head_dim: int, operation: str, factor: float, seed: int
) -> None:
    folder = tmp_path_factory.mktemp("gguf")
    tiny, one = Tiny(dtype=dtype, head_dim=head_dim, seed=seed), edit(operation, factor)
    path, out = save_gguf(folder / "x.gguf", tiny), folder / "out"
    try:
        planned = plan(path, one)
    except SurgeryError as error:
        if not any(reason in str(error) for reason in ("overflows", "too coarse", "changes nothing")):
            raise
        return
    apply_plan(planned, out)
    check(path, out, tiny, (one,), most=2**-22 if planned.is_exact else 0.2)
    assert not verify_checkpoint(out, base=open_checkpoint(path)).problems


@pytest.mark.exhaustive
def test_the_docs_page_shows_the_table() -> None:
    cells = make_cells()
    assert with_table(PAGE.read_text(), cells) == PAGE.read_text(), "write it anew: python -m tests.gguf_table"
    at_zero = [found[0] for dtype in READABLE for found in cells[dtype].values()]
    assert at_zero.count("exact") >= 0.9 * len(at_zero)


class TestSharedBlocks:
    """Heads of one super-block, which K-quants store together: each edit changes its own bits, in any order."""

    EDITS = (edit(factor=0.0, head=0), edit(factor=0.5, head=1), edit(factor=0.0, head=3))

    @pytest.mark.parametrize("dtype", all_but(["Q3_K", "Q4_K"], ["Q2_K", "Q3_K", "Q4_K", "Q5_K", "Q6_K", "IQ4_XS"]))
    def test_all_are_edited_and_restored(self, dtype: str, tmp_path: Path) -> None:
        path, out = save_gguf(tmp_path / "x.gguf", Tiny(dtype=dtype)), tmp_path / "out"
        apply_plan(plan(path, *self.EDITS), out)
        check(path, out, Tiny(dtype=dtype), self.EDITS, most=0.2)
        base = open_checkpoint(path)
        assert not verify_checkpoint(out).problems
        assert not verify_checkpoint(out, base=base).problems
        found = diff_checkpoints(base, open_checkpoint(out), recipe=Recipe(edits=self.EDITS))
        assert found.matches_recipe
        assert [(change.head.head, change.factor == 0) for change in found.heads] == [(0, True), (1, False), (3, True)]
        assert found.parameters_changed <= 3 * 64 * 256
        restore_checkpoint(out, tmp_path / "back")
        assert (tmp_path / "back" / "x.gguf").read_bytes() == path.read_bytes()

    def test_two_steps_are_undone_one_after_the_other(self, tmp_path: Path) -> None:
        path = save_gguf(tmp_path / "x.gguf", Tiny())
        apply_plan(plan(path, self.EDITS[0]), tmp_path / "one")
        apply_plan(plan(tmp_path / "one", self.EDITS[2]), tmp_path / "two")
        check(path, tmp_path / "two", Tiny(), (self.EDITS[0], self.EDITS[2]), most=0)
        restore_checkpoint(tmp_path / "two", tmp_path / "back-one", steps=1)
        assert (tmp_path / "back-one/x.gguf").read_bytes() == (tmp_path / "one/x.gguf").read_bytes()
        restore_checkpoint(tmp_path / "two", tmp_path / "back")
        assert (tmp_path / "back/x.gguf").read_bytes() == path.read_bytes()

    def test_in_place(self, tmp_path: Path) -> None:
        folder = tmp_path / "model"
        folder.mkdir()
        path = save_gguf(folder / "x.gguf", Tiny())
        original = path.read_bytes()
        apply_plan(plan(folder, *self.EDITS), tmp_path / "copy")
        apply_in_place(plan(folder, *self.EDITS))
        assert path.read_bytes() == (tmp_path / "copy/x.gguf").read_bytes()
        assert not verify_checkpoint(folder).problems
        restore_in_place(folder)
        assert path.read_bytes() == original
        assert [entry.name for entry in folder.iterdir()] == ["x.gguf"]


def test_a_bias_and_fused_projections_are_edited_with_the_rows(tmp_path: Path) -> None:
    tiny = Tiny(dtype="Q8_0", bias=True)
    path = save_gguf(tmp_path / "x.gguf", tiny)
    apply_plan(plan(path, edit("uniform_attention")), tmp_path / "out")
    before, after = read_values(path), read_values(tmp_path / "out/x.gguf")
    assert not after["blk.1.attn_q.bias"][64:128].any()
    assert np.array_equal(before["blk.1.attn_q.bias"][128:], after["blk.1.attn_q.bias"][128:])
    fused = save_gguf(tmp_path / "fused.gguf", Tiny(dtype="Q4_0", architecture="phi3", fused=True))
    apply_plan(plan(fused, edit("uniform_attention")), tmp_path / "out-fused")
    before, after = read_values(fused), read_values(tmp_path / "out-fused/fused.gguf")
    changed = (before["blk.1.attn_qkv.weight"] != after["blk.1.attn_qkv.weight"]).any(axis=1)
    assert changed.nonzero()[0].tolist() == list(range(64, 128))


def test_types_are_the_packages_own() -> None:
    from gguf import GGML_QUANT_SIZES, GGMLQuantizationType
    from gguf.quants import dequantize

    rng = np.random.default_rng(0)
    for name, kind in BLOCK_TYPES.items():
        assert GGML_QUANT_SIZES[GGMLQuantizationType[name]] == (kind.size, kind.num_bytes)
        bits = np.concatenate([numbers.bits.ravel() for numbers in kind.numbers])
        assert len(set(bits.tolist())) == len(bits), "each bit belongs to one number"
        if kind.codes is None:
            continue
        assert len(bits) == 8 * kind.num_bytes
        data = store(rng, (4, 1024), name)
        with np.errstate(over="ignore"):
            wanted = dequantize(data, GGMLQuantizationType[name])
        found = kind.decode(kind.unpack(data.reshape(-1, kind.num_bytes))).astype(np.float32).reshape(4, -1)
        assert np.allclose(found, wanted, rtol=2**-22, atol=np.abs(wanted).max() * 2**-22), name


class TestRecipesOfOtherFormats:
    """A recipe that was made on safetensors, applied to a GGUF file of the same model."""

    GEOMETRY = Geometry(num_layers=2, num_heads=4, num_kv_heads=1, head_dim=64, hidden_size=256)

    def apply(self, path: Path, **base: object) -> tuple[str, ...]:
        stated = RecipeBase.model_validate({"model": "org/Tiny", "fingerprint": "0" * 64, "geometry": self.GEOMETRY} | base)
        return plan_surgery(Recipe(base=stated, edits=(edit(),)), open_checkpoint(path)).notes

    def test_the_plan_says_how_it_knows_the_model(self, tmp_path: Path) -> None:
        path = save_gguf(tmp_path / "x.gguf", Tiny())
        (note,) = self.apply(path, model_type="mistral")
        assert "fingerprints can't be compared: layers, heads and widths are those of the recipe; its metadata name 'Tiny'" in note
        (note,) = self.apply(path, model="org/Tiny-Instruct")
        assert note.endswith("its metadata name 'Tiny', which may be another version, such as the base of a chat model")
        (note,) = self.apply(path, model="org/Other-7B")
        assert note.endswith("its metadata name 'Tiny', so nothing but the shape shows that it is the same model")

    def test_another_shape_or_family_is_refused(self, tmp_path: Path) -> None:
        path = save_gguf(tmp_path / "x.gguf", Tiny())
        with pytest.raises(GeometryError, match="num_heads"):
            self.apply(path, geometry=self.GEOMETRY.model_copy(update={"num_heads": 8}))
        with pytest.raises(GeometryError, match="model_type: recipe qwen2, checkpoint llama"):
            self.apply(path, model_type="qwen2")
        with pytest.raises(GeometryError, match="fingerprint"):
            self.apply(path, model="another.gguf")


class TestCommands:
    """The commands, and what they say of a GGUF file that they don't take."""

    def run(self, *arguments: object, code: int = 0) -> str:
        result = CliRunner().invoke(app, [str(argument) for argument in arguments])
        assert result.exit_code == code, result.output
        return result.output

    def test_a_life(self, tmp_path: Path) -> None:
        path, recipe, out = save_gguf(tmp_path / "x.gguf", Tiny()), tmp_path / "recipe.json", tmp_path / "out"
        recipe.write_text(Recipe(edits=(edit(), edit(factor=0.5, head=2))).to_json())
        shown = self.run("inspect", path)
        assert "o_proj        Q4_K; heads with scales of their own: 8 of 8" in shown
        assert "x.gguf" in shown
        assert "columns 64-127" in self.run("apply", recipe, path, "--dry-run")
        planned = json.loads(self.run("apply", recipe, path, "--dry-run", "--json", "--quiet"))
        low, high = planned["edits"][1]["exactness"]["factors"]
        assert 0.3 < low <= 0.5 <= high < 0.6
        assert "1 of 2 slices can't be changed exactly" in self.run("apply", recipe, path, "-o", out, "--exact", code=1)
        self.run("apply", recipe, path, "-o", out)
        self.run("verify", out)
        assert "The difference is exactly the recipe's." in self.run("diff", path, out, "--recipe", recipe)
        assert "columns of o_proj are all zero" in self.run("audit", out)
        assert "library_name: gguf" in (out / "README.md").read_text()
        self.run("restore", out, "-o", tmp_path / "back")
        assert (tmp_path / "back/x.gguf").read_bytes() == path.read_bytes()

    @pytest.mark.parametrize("licence", [None, "apache-2.0", "cc-by-nd-4.0"])
    def test_the_licence_in_the_metadata_is_heeded(self, licence: str | None, tmp_path: Path) -> None:
        path = save_gguf(tmp_path / "x.gguf", Tiny(layers=2, licence=licence))
        apply_plan(plan(path, edit()), tmp_path / "out")
        terms = gather_contents(tmp_path / "out").terms
        assert any(one.forbids_derivatives for one in terms.licences) == (licence == "cc-by-nd-4.0")

    def test_what_is_refused(self, tmp_path: Path) -> None:
        from tests.tiny import save_model

        path = save_gguf(tmp_path / "x.gguf", Tiny())
        recipe = tmp_path / "recipe.json"
        recipe.write_text(Recipe(edits=(edit(),)).to_json())
        said = self.run("apply", recipe, path, "--in-place", code=2)
        assert "a GGUF file is edited in a directory of its own" in said
        said = self.run("diff", save_model("llama", tmp_path / "model"), path, code=1)
        assert "their heads differ in number or width" in said
        assert "lies inside" not in self.run("apply", recipe, path, "-o", tmp_path / "beside")
        assert "which is never written" in self.run("apply", recipe, path, "-o", tmp_path, code=1)


class TestTransplant:
    """Numbers of another file, as codes under the scales of this one."""

    def test_the_base_itself_changes_nothing(self, tmp_path: Path) -> None:
        base = save_gguf(tmp_path / "x.gguf", Tiny())
        recipe = Recipe(edits=(edit("transplant", 1.0),))
        planned = plan_surgery(recipe, open_checkpoint(base), donor=open_checkpoint(base))
        assert planned.is_exact
        apply_plan(planned, tmp_path / "out")
        assert (tmp_path / "out/x.gguf").read_bytes() == base.read_bytes()

    def test_numbers_with_an_outer_scale_are_refused(self, tmp_path: Path) -> None:
        plain, scaled = (save_gguf(tmp_path / f"{scale}.gguf", Tiny(outer_scale=scale)) for scale in (None, 0.5))
        for base, donor, whose in ((plain, scaled, "donor"), (scaled, plain, "base")):
            with pytest.raises(GeometryError, match=rf"the {whose}'s numbers are multiplied by blk\.0\.attn_output\.scale"):
                plan_surgery(Recipe(edits=(edit("transplant", 1.0),)), open_checkpoint(base), donor=open_checkpoint(donor))

    def test_a_close_relative_is_rounded_and_a_stranger_refused(self, tmp_path: Path) -> None:
        base, donor = save_gguf(tmp_path / "x.gguf", Tiny(dtype="Q8_0")), tmp_path / "donor.gguf"
        data = bytearray(base.read_bytes())
        place = places(base)[O_PROJ]
        codes = np.frombuffer(bytes(data[place]), np.uint8).reshape(-1, 34).copy()
        codes[:, 2:] += np.random.default_rng(0).integers(0, 2, codes[:, 2:].shape, dtype=np.uint8)
        codes[:, 2:][codes[:, 2:] == 128] = 127
        data[place] = codes.tobytes()
        donor.write_bytes(data)
        recipe = Recipe(edits=(edit("transplant", 1.0),))
        apply_plan(plan_surgery(recipe, open_checkpoint(base), donor=open_checkpoint(donor)), tmp_path / "out")
        given, found, before = (read_values(path)[O_PROJ] for path in (donor, tmp_path / "out/x.gguf", base))
        assert np.array_equal(found[:, 64:128], given[:, 64:128])
        assert np.array_equal(found[:, 128:], before[:, 128:])
        stranger = save_gguf(tmp_path / "y.gguf", Tiny(dtype="Q4_K", seed=1))
        with pytest.raises(SurgeryError, match="too coarse"):
            plan_surgery(recipe, open_checkpoint(save_gguf(tmp_path / "z.gguf", Tiny())), donor=open_checkpoint(stranger))
