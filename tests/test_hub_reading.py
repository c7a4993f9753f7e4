"""Reading a checkpoint on the Hub without downloading it: what travels, what is said, and every way in which it can go wrong."""

from __future__ import annotations

import errno
import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from threading import Event

import huggingface_hub
import pytest
from huggingface_hub import constants
from typer.testing import CliRunner

from headsurgery import apply_plan, diff_checkpoints, open_checkpoint, plan_surgery
from headsurgery.cli import app
from headsurgery.edits.anatomy import describe, prove_anatomy
from headsurgery.errors import CheckpointError, HubError
from headsurgery.hub.models import fetch_model, open_model
from headsurgery.storage.checkpoint import Checkpoint
from headsurgery.storage.safetensors import INDEX
from headsurgery.surgery.base_files import BASE_CARD, CARD, MANIFEST, PICTURE, RECIPE
from tests.directories import FEW_KB, contents, recipe_of
from tests.hub_server import STRANGER, TOKEN, HubServer, _Handler, point_client
from tests.tiny import save_model

EDITS = recipe_of((0, 1, "scale", 0.0), (2, 4, "uniform_attention", 0.0))
HEAD_TENSOR = re.compile(r"\.(o_proj\.weight|q_proj\.(weight|bias))$")


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Seconds that were waited between tries, without waiting."""
    waited: list[float] = []
    monkeypatch.setattr("time.sleep", waited.append)
    return waited


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`base`, sharded with biased queries, and `edited`."""
    folder = tmp_path_factory.mktemp("reading")
    base = save_model("qwen2", folder / "base", max_shard_size=FEW_KB)
    (base / "README.md").write_text("# Base")
    apply_plan(plan_surgery(EDITS, open_checkpoint(base)), folder / "edited")
    EDITS.save(folder / "recipe.json")
    return folder


@pytest.fixture
def models(hub: HubServer, folders: Path) -> Path:
    """The same two as org/base and org/edited."""
    for name in ("base", "edited"):
        hub.add(f"org/{name}", contents(folders / name))
    return folders


def run(*arguments: object) -> tuple[int, str]:
    """Exit code and output of a command. A traceback fails the test."""
    result = CliRunner().invoke(app, [str(argument) for argument in arguments])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    assert "Traceback" not in result.output
    assert "hf_" not in result.output, "no token is ever shown"
    return result.exit_code, result.output


def refusal(call: Callable[[], object], kind: type[Exception] = HubError) -> str:
    with pytest.raises(kind) as caught:
        call()
    error = caught.value
    assert "\n" not in f"{error}{error.hint}"  # type: ignore[attr-defined]
    assert "hf_" not in f"{error}{error.hint}"  # type: ignore[attr-defined]
    assert error.hint  # type: ignore[attr-defined]
    return str(error)


def header_bytes(checkpoint: Checkpoint) -> int:
    """Of all headers, and of the two files that say where they are."""
    needed = sum(shard.num_header_bytes for shard in checkpoint.shards)
    return needed + sum(checkpoint.files.size_of(file) for file in ("config.json", INDEX))


def shard_path(hub: HubServer, name: str, number: int = 0) -> str:
    repository = hub.repositories["models", f"org/{name}"]
    files = sorted(file for file in repository.commits[repository.refs["main"]] if file.endswith(".safetensors"))
    return f"/org/{name}/resolve/{repository.refs['main']}/{files[number]}"


# What travels


def test_inspect_reads_headers_and_nothing_else(hub: HubServer, models: Path) -> None:
    local = open_checkpoint(models / "base")
    code, output = run("inspect", "hf://org/base", "--json")
    assert code == 0
    assert hub.bytes_of_files() == header_bytes(local)
    asked = [request for request in hub.requests if "org/base" in request]
    assert len(asked) == 1 + 2 + 2 * len(local.shards), "listing, config, index; length and text of each header"
    document, expected = json.loads(output), describe(local)
    assert document.pop("revision") == hub.repositories["models", "org/base"].refs["main"]
    assert document | {"model": "base", "fingerprint": expected["fingerprint"], "revision": None} == expected


def test_diff_of_heads_reads_the_tensors_that_hold_them_once(hub: HubServer, models: Path) -> None:
    local, edited = open_checkpoint(models / "base"), open_checkpoint(models / "edited")
    code, output = run("diff", "org/base", "org/edited", "--heads-only", "--json")
    document = json.loads(output[output.index("{") :])
    assert code == 1
    assert document["heads"] == diff_checkpoints(local, edited).to_json()["heads"]
    touched = {edit.tensor.file for edit in plan_surgery(EDITS, local).edits}
    compared = sum(t.num_bytes for t in local.tensors.values() if HEAD_TENSOR.search(t.name) and t.file in touched)
    needed = header_bytes(local) + header_bytes(edited) + 2 * compared
    assert hub.bytes_of_files() == needed


def test_a_whole_diff_reads_only_shards_whose_hashes_differ(hub: HubServer, models: Path) -> None:
    local = open_checkpoint(models / "base")
    code, output = run("diff", "org/base", "org/edited", "--recipe", models / "recipe.json")
    assert code == 0
    assert "The difference is exactly the recipe's." in output
    assert re.search(r"reading [\d.]+ kB from the Hub; --heads-only reads less", output)
    touched = {edit.tensor.file for edit in plan_surgery(EDITS, local).edits}
    assert 0 < len(touched) < len(local.shards)
    for name in ("base", "edited"):
        sent = {}
        for path, count in hub.sent:
            if path.startswith(f"/org/{name}/") and path.endswith(".safetensors"):
                file = path.rpartition("/")[2]
                sent[file] = sent.get(file, 0) + count
        for shard in local.shards:
            if shard.file not in touched:
                assert sent[shard.file] == shard.num_header_bytes
            else:
                assert sent[shard.file] <= shard.num_bytes + shard.num_header_bytes


@pytest.mark.parametrize("swapped", [False, True])
def test_a_diff_with_a_directory_hashes_what_is_here(swapped: bool, hub: HubServer, models: Path) -> None:
    names = ["org/base", models / "edited"]
    code, output = run("diff", *(names if not swapped else [models / "base", "org/edited"]), "--recipe", models / "recipe.json")
    assert (code, "exactly the recipe's" in output) == (0, True)
    local = open_checkpoint(models / "base")
    touched = {edit.tensor.file for edit in plan_surgery(EDITS, local).edits}
    read = sum(shard.num_bytes + shard.num_header_bytes for shard in local.shards if shard.file in touched)
    assert hub.bytes_of_files() <= header_bytes(local) + 8 * len(local.shards) + read


def test_a_diff_of_equal_repositories_reads_headers_only(hub: HubServer, models: Path) -> None:
    hub.add("org/twin", contents(models / "base"))
    code, output = run("diff", "org/base", "org/twin")
    assert (code, "The two are identical." in output) == (0, True)
    assert hub.bytes_of_files() == 2 * header_bytes(open_checkpoint(models / "base"))


def test_heads_only_says_what_it_did_not_see(hub: HubServer, models: Path, tmp_path: Path) -> None:
    files = contents(models / "base")
    local = open_checkpoint(models / "base")
    norm = next(tensor for name, tensor in local.tensors.items() if name.endswith("input_layernorm.weight"))
    raw = bytearray(files[norm.file])
    raw[norm.offset] ^= 1
    hub.add("org/other", {**files, norm.file: bytes(raw)})
    code, output = run("diff", "org/base", "org/other", "--heads-only")
    assert code == 0
    assert "Only tensors that hold head blocks were compared" in output
    assert "Nothing that was compared differs." in output
    assert "identical" not in output
    found = diff_checkpoints(open_model("org/base"), open_model("org/other"), heads_only=True)
    assert found.to_json()["identical"] is None
    assert found.parameters_unread > 0
    assert run("diff", "org/base", "org/other")[0] == 1


def test_a_dry_run_reads_headers_and_the_edited_tensors(hub: HubServer, models: Path, tmp_path: Path) -> None:
    local = open_checkpoint(models / "base")
    plan = plan_surgery(EDITS, local)
    code, output = run("apply", models / "recipe.json", "org/base", "--dry-run", "--json")
    assert code == 0
    document = json.loads(output[output.index("{") : output.rindex("}") + 1])
    assert document["edits"] == plan.to_json()["edits"]
    assert document["carried_files"] == list(plan.files.copied)
    needed = header_bytes(local) + sum(
        edit.runs.length * edit.runs.count if not edit.axis else edit.tensor.num_bytes for edit in plan.edits
    )
    assert hub.bytes_of_files() == needed + (models / "base/README.md").stat().st_size
    assert not (tmp_path / "cache").exists(), "nothing is written to the cache"


def test_files_in_the_cache_are_read_there(hub: HubServer, models: Path) -> None:
    fetch_model("org/base")
    hub.sent.clear()
    assert run("inspect", "org/base")[0] == 0
    assert hub.bytes_of_files() == 0
    assert run("diff", "org/base", "org/edited", "--heads-only")[0] == 1
    assert not [path for path, _ in hub.sent if path.startswith("/org/base/")]


def test_apply_plans_before_it_fetches_and_never_writes_the_cache(hub: HubServer, models: Path, tmp_path: Path) -> None:
    too_far = recipe_of((0, 99, "scale", 0.0))
    too_far.save(tmp_path / "wrong.json")
    assert run("apply", tmp_path / "wrong.json", "org/base", "-o", tmp_path / "out")[0] == 2
    (tmp_path / "taken").mkdir()
    assert run("apply", models / "recipe.json", "org/base", "-o", tmp_path / "taken")[0] == 1
    assert not (tmp_path / "cache").exists()
    assert run("apply", models / "recipe.json", "org/base", "-o", tmp_path / "out")[0] == 0
    cached = contents(tmp_path / "cache")
    expected = contents(models / "edited")
    found = contents(tmp_path / "out")
    differing = {file for file in found if found[file] != expected.get(file)}
    assert differing == {MANIFEST, RECIPE, CARD, BASE_CARD, PICTURE}, "manifest and recipe name the Hub id"
    assert found[BASE_CARD] == expected[CARD]
    manifest = json.loads(found["headsurgery.json"])
    commit = hub.repositories["models", "org/base"].refs["main"]
    assert (manifest["base"]["model"], manifest["base"]["revision"]) == ("org/base", commit)
    assert not [file for file in (tmp_path / "out").rglob("*") if file.is_symlink() or file.stat().st_nlink > 1]
    assert run("apply", models / "recipe.json", "org/base", "-o", tmp_path / "again")[0] == 0
    assert contents(tmp_path / "cache") == cached


def test_ctrl_c_does_not_wait_for_downloads_under_way(
    hub: HubServer, models: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked, answer = Event(), _Handler._answer_file

    def slow(self: _Handler, *place: str) -> None:
        if self.command == "GET" and "Range" not in self.headers:
            asked.set()
            Event().wait(20)
        answer(self, *place)

    monkeypatch.setattr(_Handler, "_answer_file", slow)
    environment = os.environ | {"HF_ENDPOINT": hub.url, "HF_HOME": str(tmp_path / "home")}
    command = [sys.executable, "-m", "headsurgery", "apply", str(models / "recipe.json"), "org/base", "-o", str(tmp_path / "out")]
    process = subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True)
    assert asked.wait(60)
    process.send_signal(signal.SIGINT)
    _, talk = process.communicate(timeout=10)
    assert process.returncode == 130
    assert "interrupted" in talk
    assert not [path for path in tmp_path.iterdir() if path.name.startswith("out")]


def test_a_damaged_file_of_the_cache_is_not_edited(hub: HubServer, models: Path, tmp_path: Path) -> None:
    source = fetch_model("org/base")
    shard = sorted(source.path.glob("*.safetensors"))[0]
    blob = Path(os.path.realpath(shard))
    raw = bytearray(blob.read_bytes())
    raw[-1] ^= 1
    blob.write_bytes(raw)
    code, output = run("apply", models / "recipe.json", "org/base", "-o", tmp_path / "out")
    assert code == 1
    assert "damaged in the Hub's cache" in output
    assert blob.name in output.replace("\n", "")
    assert not (tmp_path / "out").exists()


# Revisions


def test_one_command_reads_one_commit_even_if_main_moves(hub: HubServer, models: Path) -> None:
    repository = hub.repositories["models", "org/base"]
    before = repository.refs["main"]
    checkpoint = open_model("org/base")
    repository.commit({"config.json": b"{}"})
    assert checkpoint.revision == before
    plan_surgery(EDITS, checkpoint)
    assert {path.split("/resolve/")[1].split("/")[0] for path, _ in hub.sent if "/resolve/" in path} == {before}
    assert diff_checkpoints(checkpoint, open_model(f"org/base@{before}")).is_identical


def test_apply_fetches_the_commit_that_it_planned(
    hub: HubServer, models: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    repository = hub.repositories["models", "org/base"]
    before = repository.refs["main"]
    plan = plan_surgery

    def move(*arguments: object, **choices: object) -> object:
        repository.commit({**contents(models / "base"), "README.md": b"# Moved on"})
        return plan(*arguments, **choices)  # type: ignore[arg-type]

    monkeypatch.setattr("headsurgery.surgery.plan.plan_surgery", move)
    assert run("apply", models / "recipe.json", "org/base", "-o", tmp_path / "out")[0] == 0
    assert json.loads((tmp_path / "out/headsurgery.json").read_text())["base"]["revision"] == before
    assert (tmp_path / "out" / BASE_CARD).read_text() == "# Base"


@pytest.mark.parametrize("revision", ["v1.0", "refs/pr/1", "commit"])
def test_a_revision(revision: str, hub: HubServer, models: Path) -> None:
    repository = hub.repositories["models", "org/base"]
    old = repository.refs["v1.0"] = repository.refs["refs/pr/1"] = repository.refs["main"]
    repository.commit({})
    assert open_model(f"org/base@{old if revision == 'commit' else revision}").revision == old


# Refusals


@pytest.mark.parametrize("token", [None, STRANGER])
def test_gated_private_and_missing(token: str | None, hub: HubServer, models: Path) -> None:
    hub.add("org/private", contents(models / "base"), private=True)
    hub.add("org/gated", contents(models / "base"), gated=True)
    assert (
        refusal(lambda: open_model("org/private", token=token))
        == "org/private: no such folder, and no such repository on the Hub, or it is private"
    )
    assert (
        refusal(lambda: open_model("org/missing", token=token))
        == "org/missing: no such folder, and no such repository on the Hub, or it is private"
    )
    assert refusal(lambda: open_model("org/gated", token=token)) == "org/gated: gated"
    for name in ("org/private", "org/gated"):
        assert run("inspect", name, "--token", TOKEN)[0] == 0
    assert run("inspect", "org/private", "--token", "hf_revoked")[0] == 1


def test_a_missing_revision_and_a_missing_file(hub: HubServer, models: Path) -> None:
    assert refusal(lambda: open_model("org/base@v9")) == "org/base: no such revision"
    files = contents(models / "base")
    shard = min(file for file in files if file.endswith(".safetensors"))
    hub.add("org/partial", {file: data for file, data in files.items() if file != shard})
    assert f"{shard}: missing from org/partial@" in refusal(lambda: open_model("org/partial"), CheckpointError)
    hub.faults[shard_path(hub, "base")] = 404
    refusal(lambda: open_model("org/base"))


@pytest.mark.parametrize("name", ["model.gguf", "pytorch_model.bin", "adapter_config.json", "README.md"])
def test_what_is_no_checkpoint(name: str, hub: HubServer) -> None:
    hub.add("org/name", {name: b"{}", "config.json": b"{}"})
    with pytest.raises(CheckpointError, match="org/name@"):
        open_model("org/name")


def test_a_repository_that_moved(hub: HubServer, models: Path, tmp_path: Path) -> None:
    hub.moved["org/old"] = "org/base"
    code, output = run("inspect", "org/old")
    assert code == 0
    assert "org/old: has moved to org/base" in output
    assert open_model("org/old").model == "org/base"
    assert run("apply", models / "recipe.json", "org/old", "-o", tmp_path / "out")[0] == 0
    assert json.loads((tmp_path / "out/headsurgery.json").read_text())["base"]["model"] == "org/base"


@pytest.mark.parametrize("where", ["/api/models/org/base", "file"])
@pytest.mark.parametrize("status", [429, 500, 503])
def test_passing_troubles_are_waited_out(where: str, status: int, hub: HubServer, models: Path, waits: list[float]) -> None:
    path = shard_path(hub, "base") if where == "file" else where
    hub.passing = [(path, status, {"Retry-After": "7"}), (path, status, {})]
    assert run("inspect", "org/base")[0] == 0
    assert len(waits) == 2
    assert waits[0] >= 7


@pytest.mark.parametrize("where", ["/api/models/org/base", "file"])
@pytest.mark.parametrize("status", [403, 429, 500])
def test_lasting_troubles_are_said(where: str, status: int, hub: HubServer, models: Path, waits: list[float]) -> None:
    hub.faults[shard_path(hub, "base") if where == "file" else where] = status
    code, output = run("inspect", "org/base")
    assert code == 1
    assert f"org/base: the Hub answered with status {status}" in output


def test_too_many_requests_say_how_long_to_wait(hub: HubServer, models: Path, waits: list[float]) -> None:
    hub.passing = [("/api/models/org/base", 429, {"Retry-After": "7"})] * 20
    output = run("inspect", "org/base")[1]
    assert "org/base: the Hub answered with status 429" in output
    assert "wait 7 s and try again" in output


def test_a_connection_that_breaks_goes_on_where_it_broke(hub: HubServer, models: Path, waits: list[float]) -> None:
    files = sorted(file for file in contents(models / "base") if file.endswith(".safetensors"))
    hub.cuts = [*files, *files, "config.json", INDEX]
    local, remote = open_checkpoint(models / "base"), open_model("org/base")
    assert remote.tensors == local.tensors
    hub.cuts = files * 2
    hub.sent.clear()
    for tensor in local.tensors.values():
        assert remote.read_tensor(tensor).tobytes() == local.read_tensor(tensor).tobytes()
    assert hub.bytes_of_files() == sum(tensor.num_bytes for tensor in local.tensors.values()), "nothing travelled twice"


def test_a_connection_that_always_breaks(hub: HubServer, models: Path, waits: list[float]) -> None:
    hub.cuts = ["config.json"] * 100
    assert re.fullmatch(
        r"org/base: config\.json: the connection broke \d+ times at byte \d+", refusal(lambda: open_model("org/base"))
    )


def test_a_slow_server(hub: HubServer, models: Path, monkeypatch: pytest.MonkeyPatch, waits: list[float]) -> None:
    hub.slow_once = 0.6
    monkeypatch.setattr(constants, "HF_HUB_DOWNLOAD_TIMEOUT", 0.2)
    assert open_model("org/base").num_parameters == open_checkpoint(models / "base").num_parameters
    assert waits, "the first try ran out of time"


def test_a_server_that_knows_no_ranges(hub: HubServer, models: Path) -> None:
    hub.knows_ranges = False
    assert "a range was requested, but the whole file arrived" in refusal(lambda: open_model("org/base"))
    assert "hf download org/base" in run("inspect", "org/base")[1].replace("\n", " ")


@pytest.mark.parametrize("file", ["config.json", "shard"])
@pytest.mark.parametrize("change", ["shorter", "longer"])
def test_a_file_of_another_size_than_listed(file: str, change: str, hub: HubServer, models: Path) -> None:
    files = contents(models / "base")
    file = min(name for name in files if name.endswith(".safetensors")) if file == "shard" else file
    hub.served[file] = files[file][:-1] if change == "shorter" else files[file] + b" "
    assert f"org/base: {file}: " in refusal(lambda: open_model("org/base"))


def test_a_file_with_another_hash_than_listed(hub: HubServer, models: Path) -> None:
    config = contents(models / "base")["config.json"]
    hub.served["config.json"] = config.replace(b"qwen2", b"llama", 1)
    assert "its hash differs" in refusal(lambda: open_model("org/base"))


def test_another_server_answers(hub: HubServer, models: Path) -> None:
    for body in (b"<html>please log in to this hotel's network</html>", b"{}", b"[]", b'{"id": 1, "sha": 2, "siblings": [3]}'):
        hub.faults = {"/api": body}
        assert "the answer d" in refusal(lambda: open_model("org/base"))
    hub.faults = {"/org/base/resolve": b"<html>"}
    refusal(lambda: open_model("org/base"))


@pytest.mark.parametrize("way", ["offline", "unreachable", "down"])
def test_without_the_hub_the_cache_will_do(
    way: str, hub: HubServer, models: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, waits: list[float]
) -> None:
    fetch_model("org/base")
    commit = hub.repositories["models", "org/base"].refs["main"]
    if way == "down":
        hub.faults["/"] = 503
    else:
        point_client(
            monkeypatch, hub.url if way == "offline" else "http://127.0.0.1:9", tmp_path / "cache", offline=way == "offline"
        )
    for name in ("org/base", f"hf://org/base@{commit}"):
        code, output = run("inspect", name, "--json")
        assert code == 0
        assert json.loads(output[output.index("{") :])["revision"] == commit
    assert run("apply", models / "recipe.json", "org/base", "-o", tmp_path / "out")[0] == 0
    code, output = run("inspect", "org/edited")
    assert code == 1
    assert "org/edited: " in output
    assert "hint:" in output


def test_offline_nothing_is_asked(hub: HubServer, models: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    point_client(monkeypatch, hub.url, tmp_path / "cache", offline=True)
    code, output = run("inspect", "org/base")
    assert code == 1
    assert "org/base: no such folder, and org/base could not be looked up on the Hub (HF_HUB_OFFLINE is set)" in output
    assert not hub.requests


def test_a_part_of_a_snapshot_is_no_checkpoint(
    hub: HubServer, models: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    huggingface_hub.hf_hub_download("org/base", "config.json")
    huggingface_hub.hf_hub_download("org/base", INDEX)
    point_client(monkeypatch, hub.url, tmp_path / "cache", offline=True)
    assert "org/base could not be looked up on the Hub" in refusal(lambda: open_model("org/base"))


def test_a_name_that_leads_out_of_the_repository(hub: HubServer, models: Path) -> None:
    hub.add("org/evil", {**contents(models / "base"), "../../../secret.json": b"{}"})
    assert "the answer d" in refusal(lambda: open_model("org/evil"))


@pytest.mark.exhaustive
def test_retries_are_no_news(hub: HubServer, models: Path) -> None:
    code = f"import sys; from headsurgery.cli import app; app({['inspect', 'org/base']!r} + sys.argv[1:])"
    environment = {**os.environ, "HF_ENDPOINT": hub.url}
    for flags in ((), ("-q",)):
        hub.passing = [("/api/models/org/base", 503, {})]
        done = subprocess.run([sys.executable, "-c", code, *flags], env=environment, capture_output=True, text=True, check=True)
        assert "Retrying" not in done.stderr


@pytest.mark.parametrize(("span", "in_all", "in_memory"), [(1000, 5000, 100), (2**30, 30_000, 2**20), (2**30, 2**31, 0)])
def test_what_is_not_kept_is_read_again(
    span: int, in_all: int, in_memory: int, hub: HubServer, models: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Room for what travelled is bounded, on disk and in memory; the result is the same."""
    for name, value in (
        ("files._MAX_CACHED_SPAN", span),
        ("files._MAX_CACHED_BYTES", in_all),
        ("read_cache._IN_MEMORY", in_memory),
    ):
        monkeypatch.setattr(f"headsurgery.hub.{name}", value)
    monkeypatch.setattr("headsurgery.storage.tensors.CHUNK_BYTES", 700)
    found = diff_checkpoints(open_model("org/base"), open_model("org/edited"), recipe=EDITS)
    assert found == diff_checkpoints(open_checkpoint(models / "base"), open_checkpoint(models / "edited"), recipe=EDITS)


def test_a_temporary_folder_without_room(hub: HubServer, models: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(self: object, data: bytes) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("tempfile.SpooledTemporaryFile.write", full)
    assert "No space left on device" in refusal(lambda: open_model("org/base"))


def test_a_fetch_reports_its_bytes(hub: HubServer, models: Path) -> None:
    seen: list[tuple[int, int]] = []
    source = fetch_model("org/base", on_progress=lambda done, total: seen.append((done, total)))
    assert seen[-1] == (sum(len(data) for data in contents(source.path).values()),) * 2


def test_heads_are_where_they_are_locally(hub: HubServer, models: Path) -> None:
    assert prove_anatomy(open_model("org/base")) == prove_anatomy(open_checkpoint(models / "base"))
    assert open_model("org/base").fingerprint() == open_checkpoint(models / "base").fingerprint()
    refusal(lambda: open_model("org/base").path, CheckpointError)
