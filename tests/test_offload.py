"""Weights that accelerate keeps on disk: the same scores, each layer loaded once per block."""

from __future__ import annotations

from collections import Counter
from contextlib import suppress
from pathlib import Path

import pytest
import torch
from accelerate.utils.offload import OffloadedWeightsLoader
from typer.testing import CliRunner

from headsurgery.attribution.ships import ships_of_queries
from headsurgery.cli import app
from headsurgery.engine.local import LocalEngine
from headsurgery.engine.measures import States
from headsurgery.engine.sweep import Sweeper
from headsurgery.engine.task import SweepTask
from headsurgery.errors import UsageError
from headsurgery.model.loading import LoadedModel, load_model
from headsurgery.model.offload import held, is_offloaded
from tests.tiny import EACH_FAMILY, save_model, tokens

QUERIES = [[5, 6, 7, *row] for row in tokens(queries=3, length=6).tolist()]


def load_from_disk(path: Path) -> LoadedModel:
    """With an artificial limit, which leaves room for a few small weights."""
    loaded = load_model(path, device_map="auto", max_memory=6000)
    assert is_offloaded(loaded.model)
    return loaded


@pytest.fixture
def loads(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """How often each weight was loaded."""
    counts: Counter[str] = Counter()
    original = OffloadedWeightsLoader.__getitem__

    def load(self: OffloadedWeightsLoader, name: str) -> torch.Tensor:
        counts[name] += 1
        return original(self, name)

    monkeypatch.setattr(OffloadedWeightsLoader, "__getitem__", load)
    return counts


@pytest.mark.parametrize("family", EACH_FAMILY)
@pytest.mark.parametrize("operation", ["scale", "uniform_attention"])
def test_scores_from_disk_are_those_from_memory_bit_for_bit(family: str, operation: str, tmp_path: Path) -> None:
    path = save_model(family, tmp_path / "base")
    scores = [
        ships_of_queries(Sweeper(engine=LocalEngine(loaded)), QUERIES, operation=operation, factor=0.0)
        for loaded in (load_model(path, device="cpu"), load_from_disk(path))
    ]
    assert scores[0].tobytes() == scores[1].tobytes()


def test_each_weight_is_loaded_once_per_block(tmp_path: Path, loads: Counter[str]) -> None:
    """However many calls of a layer there are: here one per row."""
    engine = LocalEngine(load_from_disk(save_model("llama", tmp_path / "base")), batch_size=1)
    heads = tuple(engine.facts.geometry.heads())
    task = SweepTask(queries=tuple(map(tuple, QUERIES)), heads=heads, operation="scale", factor=0.0, measure=States())
    blocks = engine.plan(task)  # tries the shortcuts
    loads.clear()
    list(engine.run(task, blocks))
    in_layers = {name: count for name, count in loads.items() if ".layers." in name}
    assert len(in_layers) == 3 * 9
    assert set(in_layers.values()) == {len(blocks)}


def test_weights_are_held_for_a_while_and_go_on_every_way_out(tmp_path: Path) -> None:
    model = load_from_disk(save_model("llama", tmp_path / "base")).model
    below, top = model.model.layers[1:]
    with held(model, without=[below]):
        assert not is_offloaded(top)
        assert {weight.device.type for weight in top.parameters()} == {"cpu"}
        assert {weight.device.type for weight in below.parameters()} == {"meta"}
    with suppress(KeyError), held(top):
        raise KeyError
    assert is_offloaded(top)
    assert {weight.device.type for weight in top.parameters()} == {"meta"}


def test_a_device_map_chooses_the_devices_itself(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="--device cpu and --device-map can't be used together"):
        load_model(save_model("llama", tmp_path / "base"), device="cpu", device_map="auto")


def test_the_command_spreads_a_model_and_finds_the_same_heads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    save_model("llama", tmp_path / "base")
    (tmp_path / "prompts.txt").write_text("w9 w10\nw11 w12 w13\n")
    monkeypatch.chdir(tmp_path)
    common = ["attribute", "base", "--prompts", "prompts.txt", "--method", "ships", "--max-memory", "64GiB"]
    for name, options in (("plain", []), ("spread", ["--device-map", "auto"])):
        done = CliRunner().invoke(app, [*common, "-o", f"{name}.json", *options])
        assert done.exit_code == 0, done.output
    assert (tmp_path / "plain.json").read_text() == (tmp_path / "spread.json").read_text()
    refused = CliRunner().invoke(app, [*common[:-1], "1MiB", "-o", "none.json"])
    assert refused.exit_code == 2
    assert "this run needs" in refused.output
