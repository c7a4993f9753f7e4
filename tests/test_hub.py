"""The Hub as users meet it: names become local paths, refusals become one line. Spoken to over HTTP, with the real client."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
from typer.testing import CliRunner

from headsurgery.card.write import write_card
from headsurgery.cli import app
from headsurgery.errors import CheckpointError, GeometryError, HeadSurgeryError, HubError, PromptError, UsageError
from headsurgery.hub.datasets import fetch_dataset
from headsurgery.hub.models import fetch_model, open_model, pinned_name
from headsurgery.prompts import load_prompts
from headsurgery.recipe import Recipe
from headsurgery.surgery.apply import apply_plan
from headsurgery.surgery.plan import plan_surgery
from headsurgery.surgery.verify import verify_checkpoint
from tests.directories import recipe_of
from tests.exhaustive import all_but
from tests.gguf_files import Tiny, save_gguf
from tests.hub_server import STRANGER, TOKEN, HubServer, point_client

MODEL = {
    "config.json": b'{"model_type": "llama"}',
    "model.safetensors": bytes(range(256)) * 40,
    "tokenizer.json": b"{}",
    "sub/code.py": b"# kept",
    "pytorch_model.bin": b"copy",
    "model-Q4.gguf": b"copy",
    "onnx/model.onnx": b"copy",
    "original/consolidated.00.pth": b"copy",
    "tf_model.h5": b"copy",
}
KEPT = ["config.json", "model.safetensors", "sub/code.py", "tokenizer.json"]


def files_of(path: Path) -> list[str]:
    return sorted(file.relative_to(path).as_posix() for file in path.rglob("*") if file.is_file())


def refusal(call: Callable[[], object], kind: type[HeadSurgeryError] = HubError, *, hint: bool = True) -> HeadSurgeryError:
    """What a call is refused with: one line, perhaps a hint, and never a token."""
    with pytest.raises(kind) as caught:
        call()
    error = caught.value
    assert "\n" not in str(error)
    assert "\n" not in error.hint
    assert "hf_" not in f"{error}{error.hint}"
    assert bool(error.hint) == hint
    assert error.exit_code == (2 if kind is UsageError else 1)
    return error


# Models on this machine


def test_a_directory_stays_where_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "my-model").mkdir()
    source = fetch_model(str(tmp_path / "my-model"))
    assert (source.path, source.model, source.revision) == (tmp_path / "my-model", "my-model", None)
    monkeypatch.chdir(tmp_path / "my-model")
    assert fetch_model(".").model == "my-model"
    monkeypatch.setenv("HOME", str(tmp_path))
    assert fetch_model("~/my-model").path == tmp_path / "my-model"


def test_a_directory_wins_over_a_hub_id_of_its_name(hub: HubServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    hub.add("org/name", MODEL)
    (tmp_path / "org" / "name").mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    assert fetch_model("org/name").revision is None
    assert not hub.requests


def test_a_directory_in_the_hubs_cache_tells_id_and_commit(tmp_path: Path) -> None:
    commit = "0123456789abcdef" * 2 + "01234567"
    snapshot = tmp_path / "models--org--na.me" / "snapshots" / commit
    snapshot.mkdir(parents=True)
    source = fetch_model(str(snapshot))
    assert (source.path, source.model, source.revision) == (snapshot, "org/na.me", commit)
    (tmp_path / "link").symlink_to(snapshot)
    assert fetch_model(str(tmp_path / "link")).revision == commit


def test_other_directories_named_snapshots_tell_nothing(tmp_path: Path) -> None:
    for name in ("models--org--name/snapshots/main", "backup/snapshots/" + 40 * "a"):
        (tmp_path / name).mkdir(parents=True)
        assert fetch_model(str(tmp_path / name)).revision is None


@pytest.mark.parametrize(
    "name", ["./missing", "../missing", "/no/such", "~/no/such", "~nobody/x", "a/b/c", "gpt2", "org/na me", "x" * 5000]
)
def test_what_is_neither_a_directory_nor_an_id(name: str, hub: HubServer) -> None:
    assert "no such directory" in str(refusal(lambda: fetch_model(name), CheckpointError))
    assert not hub.requests


def test_a_file_is_not_a_model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, hub: HubServer) -> None:
    (tmp_path / "org").mkdir()
    (tmp_path / "org" / "model.safetensors").touch()
    monkeypatch.chdir(tmp_path)
    for name in ("org/model.safetensors", str(tmp_path / "org" / "model.safetensors")):
        assert "a file" in str(refusal(lambda name=name: fetch_model(name), CheckpointError))
    assert not hub.requests


def test_a_local_directory_has_no_revision(tmp_path: Path) -> None:
    assert "--revision main" in str(refusal(lambda: fetch_model(str(tmp_path), revision="main"), UsageError, hint=False))


# Models on the Hub


@pytest.mark.parametrize("name", ["org/name", "hf://org/name"])
@pytest.mark.parametrize("by", ["at", "argument", "both", "neither"])
def test_a_hub_name_is_fetched_and_pinned_to_its_commit(name: str, by: str, hub: HubServer) -> None:
    repository = hub.add("org/name", MODEL)
    tagged = repository.refs["main"]
    repository.refs["v1.0"] = tagged
    newest = repository.commit({**MODEL, "config.json": b"{}"})
    source = fetch_model(name + ("@v1.0" if by in ("at", "both") else ""), revision="v1.0" if by in ("argument", "both") else None)
    assert (source.model, source.revision) == ("org/name", newest if by == "neither" else tagged)
    assert source.path.name == source.revision
    assert (source.path / "config.json").read_bytes() == repository.commits[source.revision]["config.json"]
    assert (source.path / "model.safetensors").read_bytes() == MODEL["model.safetensors"]


@pytest.mark.parametrize("revision", ["commit", "refs/pr/1"])
def test_a_revision_may_be_a_commit_or_hold_slashes(revision: str, hub: HubServer) -> None:
    repository = hub.add("org/name", MODEL)
    commit = repository.commit({"config.json": b"{}"}, ref="refs/pr/1")
    name = f"org/name@{commit if revision == 'commit' else revision}"
    assert fetch_model(name).revision == commit
    assert files_of(fetch_model(name).path) == ["config.json"]


def test_other_copies_of_the_weights_are_not_downloaded(hub: HubServer) -> None:
    hub.add("org/name", MODEL)
    assert files_of(fetch_model("org/name").path) == KEPT
    assert sorted(request.split("/main/")[-1].split("/resolve/")[-1] for request in hub.requests if "GET /org" in request) == [
        f"{hub.repositories['models', 'org/name'].refs['main']}/{name}" for name in KEPT
    ]


def test_the_second_call_downloads_nothing(hub: HubServer) -> None:
    hub.add("org/name", MODEL)
    first = fetch_model("org/name")
    hub.requests.clear()
    assert fetch_model("org/name") == first
    assert not [request for request in hub.requests if request.startswith("GET /org")]


def test_an_interrupted_download_is_completed(hub: HubServer) -> None:
    hub.add("org/name", MODEL)
    hub.faults["/org/name/resolve/" + hub.repositories["models", "org/name"].refs["main"] + "/tokenizer.json"] = 403
    refusal(lambda: fetch_model("org/name"))
    hub.faults.clear()
    assert files_of(fetch_model("org/name").path) == KEPT


def test_a_broken_off_file_is_resumed(hub: HubServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("time.sleep", lambda _: None)
    hub.add("org/name", MODEL)
    hub.cuts = ["model.safetensors"]
    assert (fetch_model("org/name").path / "model.safetensors").read_bytes() == MODEL["model.safetensors"]
    assert len([request for request in hub.requests if request.startswith("GET") and "model.safetensors" in request]) == 2


def test_a_warm_cache_serves_offline_and_a_broken_hub(hub: HubServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    hub.add("org/name", MODEL)
    first = fetch_model("org/name")
    hub.faults["/"] = 500
    assert fetch_model("org/name") == first
    point_client(monkeypatch, unreachable(), tmp_path / "cache")
    assert fetch_model("org/name") == first
    point_client(monkeypatch, hub.url, tmp_path / "cache", offline=True)
    hub.requests.clear()
    assert fetch_model("org/name") == first
    assert fetch_model(f"org/name@{first.revision}") == first
    assert not hub.requests


def test_private_and_gated_models_open_with_a_token(hub: HubServer, monkeypatch: pytest.MonkeyPatch) -> None:
    hub.add("org/private", MODEL, private=True)
    hub.add("org/gated", MODEL, gated=True)
    assert fetch_model("org/private", token=TOKEN).model == "org/private"
    assert fetch_model("org/gated", token=f" {TOKEN}\n").model == "org/gated"
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    assert files_of(fetch_model("org/private").path) == KEPT


# Refusals


@pytest.mark.parametrize("token", [None, STRANGER])
def test_a_gated_model(token: str | None, hub: HubServer) -> None:
    hub.add("org/name", MODEL, gated=True)
    error = refusal(lambda: fetch_model("org/name", token=token))
    assert str(error) == "org/name: gated"
    assert "HF_TOKEN" in error.hint


@pytest.mark.parametrize("token", [None, STRANGER])
@pytest.mark.parametrize("name", ["org/private", "org/missing"])
def test_a_private_or_missing_model(name: str, token: str | None, hub: HubServer) -> None:
    hub.add("org/private", MODEL, private=True)
    assert (
        str(refusal(lambda: fetch_model(name, token=token)))
        == f"{name}: no such folder, and no such repository on the Hub, or it is private"
    )


@pytest.mark.parametrize("revision", ["v9", "f" * 40])
def test_an_unknown_revision(revision: str, hub: HubServer) -> None:
    hub.add("org/name", MODEL)
    assert str(refusal(lambda: fetch_model("org/name", revision=revision))) == "org/name: no such revision"


def test_two_revisions(hub: HubServer) -> None:
    error = refusal(lambda: fetch_model("org/name@a", revision="b"), UsageError, hint=False)
    assert str(error) == "org/name@a and --revision b name two revisions"


@pytest.mark.parametrize("where", ["/api/models/org/name", "/org/name/resolve"])
@pytest.mark.parametrize("status", [403, 429, 500, 503])
def test_a_status(where: str, status: int, hub: HubServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("time.sleep", lambda _: None)  # between the client's own retries
    hub.add("org/name", MODEL)
    hub.faults[where] = status
    error = refusal(lambda: fetch_model("org/name"))
    assert str(error) == f"org/name: the Hub answered with status {status}"
    assert ("allowed" if status == 403 else "try again") in error.hint


def test_a_token_that_the_hub_does_not_know(hub: HubServer) -> None:
    hub.add("org/name", MODEL)
    error = refusal(lambda: fetch_model("org/name", token="hf_revoked"))
    assert str(error) == "org/name: the Hub doesn't accept the token"
    assert "HF_TOKEN" in error.hint


@pytest.mark.parametrize("token", ["", "hf_two hf_tokens", "hf_line\nbreak", "hf_ümlaut", "hf_\x00"])
@pytest.mark.parametrize("fetch", [fetch_model, fetch_dataset])
def test_a_malformed_token_is_never_sent_nor_shown(fetch: Callable[..., Any], token: str, hub: HubServer) -> None:
    refusal(lambda: fetch("org/name", token=token), UsageError)
    assert not hub.requests


def test_a_malformed_token_of_the_environment_is_not_shown(hub: HubServer, monkeypatch: pytest.MonkeyPatch) -> None:
    hub.add("org/name", MODEL)
    monkeypatch.setenv("HF_TOKEN", "hf_ümlaut")
    assert "token" in str(refusal(lambda: fetch_model("org/name")))


def test_an_id_that_the_hub_does_not_allow(hub: HubServer) -> None:
    for name in ("org/na--me", "org/na..me", "org/name-"):
        assert "not a Hub id" in str(refusal(lambda name=name: fetch_model(name)))


def unreachable() -> str:
    """An address on which nobody listens."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{free.getsockname()[1]}"


@pytest.mark.parametrize("offline", [False, True])
def test_no_connection_and_a_cold_cache(offline: bool, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("time.sleep", lambda _: None)
    point_client(monkeypatch, unreachable(), tmp_path, offline=offline)
    error = refusal(lambda: fetch_model("org/name"))
    cause = "HF_HUB_OFFLINE is set" if offline else "ConnectError"
    assert str(error) == f"org/name: no such folder, and org/name could not be looked up on the Hub ({cause})"
    assert "HF_HUB_OFFLINE" in error.hint
    assert "can't be reached" in str(refusal(lambda: fetch_dataset("org/name")))


def test_an_endpoint_without_scheme(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    point_client(monkeypatch, "127.0.0.1", tmp_path)
    assert "could not be looked up" in str(refusal(lambda: fetch_model("org/name")))


@pytest.mark.parametrize("name", all_but(["nope/nope@main"], ["nope/nope", "models/nope", "nope/nope@main", "out/llama-ablated"]))
@pytest.mark.parametrize(
    "command",
    [["inspect"], ["diff", "{}"], ["audit"], ["evaluate"], ["attribute", "--prompts", "builtin:decline"], ["apply", "r.json"]],
)
def test_a_mistyped_path_is_one_line_where_the_hub_can_not_be_reached(
    command: list[str], name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "r.json").write_text('{"schema": "headsurgery.recipe/1", "edits": [{"layer": 0, "head": 0}]}')
    monkeypatch.setattr("time.sleep", lambda _: None)
    monkeypatch.chdir(tmp_path)
    point_client(monkeypatch, unreachable(), tmp_path / "hf")
    arguments = [part.replace("{}", name) for part in command]
    done = CliRunner().invoke(app, [*arguments, name, *(["-o", "out"] if command[0] == "apply" else [])])
    errors = [line for line in done.stderr.splitlines() if not line.startswith(("note: ", "importing ", "hint: "))]
    assert done.exit_code == 1
    assert errors == [
        f"error: {name}: no such folder, and {name.partition('@')[0]} could not be looked up on the Hub (ConnectError)"
    ]


@pytest.mark.parametrize("name", ["./nope", "nope", "/nope/nope/nope", "~/nope", "a/b/c"])
def test_what_can_only_be_a_path_is_not_asked_for(name: str, hub: HubServer) -> None:
    hub.requests.clear()
    assert str(refusal(lambda: fetch_model(name), CheckpointError)) == f"{name}: no such directory, and not a Hub id"
    assert not hub.requests


def test_another_server_answers(hub: HubServer) -> None:
    hub.add("org/name", MODEL)
    for where in ("/api", "/org/name/resolve"):
        for body in (b"<html>please log in to this hotel's network</html>", b"\xff\xfe\xff"):
            hub.faults = {where: body}
            error = refusal(lambda: fetch_model("org/name"))
            assert str(error) == "org/name: the answer did not come from a Hub"
            assert "HF_ENDPOINT" in error.hint


def test_a_cache_that_can_not_be_written(hub: HubServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    hub.add("org/name", MODEL)
    (tmp_path / "file").touch()
    point_client(monkeypatch, hub.url, tmp_path / "file")
    error = refusal(lambda: fetch_model("org/name"))
    assert "cache" in str(error)
    assert "HF_HOME" in error.hint


def test_the_environment_is_the_clients_own(hub: HubServer, tmp_path: Path) -> None:
    hub.add("org/name", MODEL, private=True)
    code = "from headsurgery.hub.models import fetch_model; print(fetch_model('org/name').path)"
    environment = {**os.environ, "HF_ENDPOINT": hub.url, "HF_HOME": str(tmp_path / "home"), "HF_TOKEN": TOKEN}
    for offline in ("0", "1"):
        run = [sys.executable, "-c", code]
        out = subprocess.run(run, env={**environment, "HF_HUB_OFFLINE": offline}, capture_output=True, text=True, check=True).stdout
        assert Path(out.strip()).is_relative_to(tmp_path / "home" / "hub")
        hub.faults["/"] = 500


# Data sets

TABLES = {
    "README.md": b"# Prompts",
    "dataset_infos.json": b"{}",
    "data/train.csv": b"id,prompt\n1,one\n2,two\n",
    "data/test-00000-of-00002.jsonl": b'{"goal": "three"}\n',
    "data/test-00001-of-00002.jsonl": b'{"goal": "four"}\n{"goal": "three"}\n',
    "harmful_prompts.txt": b"five\nsix\n",
}


@pytest.mark.parametrize(
    ("split", "texts"),
    [("", "one two"), (":train", "one two"), (":test", "three four"), (":harmful_prompts", "five six"), (":harmful", "five six")],
)
def test_a_split_is_read_from_its_plain_tables(split: str, texts: str, hub: HubServer) -> None:
    commit = hub.add("org/set", TABLES, kind="datasets").refs["main"]
    for name in ("org/set", "hf://datasets/org/set"):
        prompts = load_prompts(name + split)
        assert prompts.texts == tuple(texts.split())
        assert prompts.name == f"org/set@{commit}:{split[1:] or 'train'}"
    assert not [request for request in hub.requests if "README" in request]


@pytest.mark.parametrize("revision", ["v1", "refs/pr/2", "commit"])
def test_a_data_sets_revision(revision: str, hub: HubServer) -> None:
    repository = hub.add("org/set", TABLES, kind="datasets")
    old = repository.refs["v1"] = repository.refs["refs/pr/2"] = repository.refs["main"]
    repository.commit({"train.txt": b"new"})
    asked = old if revision == "commit" else revision
    assert load_prompts(f"org/set@{asked}").texts == ("one", "two")
    assert load_prompts(f"org/set@{asked}:test").name == f"org/set@{old}:test"
    assert load_prompts("org/set").texts == ("new",)
    assert str(refusal(lambda: fetch_dataset("org/set@v9"))) == "org/set: no such revision"


def test_the_only_table_is_train_and_nothing_else(hub: HubServer) -> None:
    hub.add("org/set", {"prompts.CSV": b"Prompt\none\n", "LICENSE.txt": b"mine", "requirements.txt": b"x"}, kind="datasets")
    assert load_prompts("org/set").texts == ("one",)
    assert "prompts.CSV" in str(refusal(lambda: load_prompts("org/set:tarin"), PromptError))
    hub.add("org/test-only", {"data/test.csv": b"prompt\none\n"}, kind="datasets")
    assert "split 'train'; it has data/test.csv" in str(refusal(lambda: load_prompts("org/test-only"), PromptError))
    hub.add("org/labels", {"label_names.txt": b"yes\nno\n", "data/train-0.parquet": b"PAR1"}, kind="datasets")
    refusal(lambda: load_prompts("org/labels"), PromptError)


@pytest.mark.parametrize("module", [None, "stub"])
def test_what_is_not_plain_needs_the_extra(module: str | None, hub: HubServer, monkeypatch: pytest.MonkeyPatch) -> None:
    commit = hub.add("org/set", {"data/train-0.parquet": b"PAR1"}, kind="datasets").refs["main"]
    stub = ModuleType("datasets")
    stub.load_dataset = lambda repo, **asked: [{"goal": f"{repo} {asked['split']} {asked['revision']}"}]  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "datasets", stub if module else None)
    if module:
        assert load_prompts("org/set:train").texts == (f"org/set train {commit}",)
    else:
        error = refusal(lambda: load_prompts("org/set:train"), PromptError)
        assert str(error) == "org/set: has no plain table (CSV, JSON lines, text) for the split 'train'"
        assert "headsurgery[datasets]" in error.hint


def test_what_the_extra_can_not_read(hub: HubServer, monkeypatch: pytest.MonkeyPatch) -> None:
    class DatasetsError(Exception):
        pass

    stub = ModuleType("datasets")
    stub.exceptions = SimpleNamespace(DatasetsError=DatasetsError)  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "datasets", stub)
    hub.add("org/set", {}, kind="datasets")
    for error in (ValueError('Unknown split "x".\nShould be one of'), DatasetsError("broken\nfile"), RuntimeError("script")):

        def fail(*_: object, error: Exception = error, **__: object) -> None:
            raise error

        stub.load_dataset = fail  # type: ignore[attr-defined]
        assert "can't be loaded" in str(refusal(lambda: fetch_dataset("org/set:x"), PromptError, hint=False))


@pytest.mark.parametrize("name", ["set", "org/set:", "org/set@", "./org/set", "a/b/c", "org/s et", ""])
def test_what_is_no_data_sets_name(name: str, hub: HubServer) -> None:
    assert "neither a file nor a Hub data set" in str(refusal(lambda: fetch_dataset(name), PromptError, hint=False))
    assert not hub.requests


@pytest.mark.parametrize("token", [None, STRANGER])
def test_closed_data_sets(token: str | None, hub: HubServer) -> None:
    hub.add("org/gated", TABLES, kind="datasets", gated=True)
    hub.add("org/private", TABLES, kind="datasets", private=True)
    assert str(refusal(lambda: load_prompts("org/gated", token=token))) == "org/gated: gated"
    assert "private" in str(refusal(lambda: load_prompts("org/private", token=token)))
    assert "no such repository" in str(refusal(lambda: load_prompts("org/missing", token=token)))
    assert load_prompts("org/gated", token=TOKEN).texts == load_prompts("org/private", token=TOKEN).texts == ("one", "two")


def test_a_table_of_a_data_set_without_the_column(hub: HubServer) -> None:
    hub.add("org/set", {"train.csv": b"words\none\n"}, kind="datasets")
    error = refusal(lambda: load_prompts("org/set"), PromptError)
    assert "train.csv" in str(error)
    assert load_prompts("org/set", column="words").texts == ("one",)


@pytest.mark.parametrize("revision", ["", "@v1", "@refs/pr/2", "commit"])
def test_one_file_of_a_data_set_by_name(revision: str, hub: HubServer) -> None:
    repository = hub.add("org/set", TABLES, kind="datasets")
    commit = repository.refs["v1"] = repository.refs["refs/pr/2"] = repository.refs["main"]
    if revision:
        repository.commit({"data/train.csv": b"prompt\nnew\n"})
    name = f"org/set@{commit}" if revision == "commit" else f"org/set{revision}"
    dataset = fetch_dataset(name, file="data/train.csv")
    assert (dataset.name, dataset.revision, dataset.rows) == (f"org/set@{commit}:data/train.csv", commit, ())
    assert [path.read_bytes() for path in dataset.files] == [TABLES["data/train.csv"]]
    assert not [request for request in hub.requests if "/resolve/" in request and "train.csv" not in request]
    hub.requests.clear()
    assert fetch_dataset(f"org/set@{commit}", file="data/train.csv") == dataset
    assert not hub.requests, "a commit never changes"


def test_a_file_that_a_data_set_lacks(hub: HubServer) -> None:
    hub.add("org/set", TABLES, kind="datasets")
    for name, where in (("org/set", ""), ("org/set@main", " at main")):
        error = refusal(lambda name=name: fetch_dataset(name, file="data/dev.csv"), PromptError, hint=False)
        assert str(error) == f"org/set: has no file data/dev.csv{where}"


def test_a_split_tells_its_commit(hub: HubServer) -> None:
    commit = hub.add("org/set", TABLES, kind="datasets").refs["main"]
    assert fetch_dataset("org/set:test").revision == commit


def test_a_gguf_file_of_a_repository(hub: HubServer, tmp_path: Path) -> None:
    data = save_gguf(tmp_path / "x.gguf", Tiny()).read_bytes()
    other = save_gguf(tmp_path / "y.gguf", Tiny(dtype="Q8_0")).read_bytes()
    commit = hub.add("org/quants", {"x-Q4_K.gguf": data, "x-Q8_0.gguf": other, "README.md": b"a card"}).refs["main"]
    source = fetch_model("org/quants/x-Q4_K.gguf")
    assert (source.model, source.revision, source.path.name) == ("org/quants/x-Q4_K.gguf", commit, "x-Q4_K.gguf")
    assert [entry.name for entry in source.path.parent.iterdir()] == ["x-Q4_K.gguf"], "nothing else is fetched"
    opened = open_model(f"hf://org/quants/x-Q4_K.gguf@{commit}")
    assert pinned_name("org/quants/x-Q4_K.gguf", opened) == f"org/quants/x-Q4_K.gguf@{commit}"
    manifest = apply_plan(plan_surgery(recipe_of((1, 1, "scale", 0.0)), opened), tmp_path / "out")
    assert (manifest.base.model, manifest.base.revision) == ("org/quants/x-Q4_K.gguf", commit)
    assert not verify_checkpoint(tmp_path / "out", base=opened).problems
    card = write_card(manifest, None, recipe=Recipe.load(tmp_path / "out/recipe.json"))["README.md"].decode()
    assert "library_name: gguf" in card
    assert "base_model: org/quants\n" in card
    assert f"headsurgery apply recipe.json org/quants/x-Q4_K.gguf@{commit} -o edited" in card
    recipe = Recipe.load(tmp_path / "out/recipe.json").model_copy(update={"base": manifest.base})
    plan_surgery(recipe, open_model("org/quants/x-Q4_K.gguf"))
    with pytest.raises(GeometryError, match="fingerprint"):
        plan_surgery(recipe, open_model("org/quants/x-Q8_0.gguf"))
    assert "has no file y.gguf" in str(refusal(lambda: fetch_model("org/quants/y.gguf"), CheckpointError))
    with pytest.raises(CheckpointError, match="has GGUF weights only") as caught:
        open_model("org/quants")
    assert caught.value.hint == "give the file: org/quants/x-Q4_K.gguf"
