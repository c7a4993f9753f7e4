"""Publishing: one commit, only what the Hub lacks, nothing of a stranger's touched; every fault is one line and can be repeated.

Spoken to a real HTTP server with the unmodified client; Xet is switched off, see `hub_writes`.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Event
from typing import Any

import huggingface_hub
import pytest
from huggingface_hub import constants
from typer.testing import CliRunner

from headsurgery import Recipe, open_checkpoint, plan_surgery
from headsurgery.card import write_card
from headsurgery.cli import app
from headsurgery.push import PushPlan, plan_push, send
from headsurgery.push.plan import How
from headsurgery.surgery.apply import apply_plan
from headsurgery.surgery.restore import restore_checkpoint
from tests.directories import FEW_KB, contents, recipe_of
from tests.exhaustive import all_but
from tests.gguf_files import Tiny, save_gguf
from tests.hub_server import STRANGER, TOKEN, point_client
from tests.hub_writes import READER, Fault, WritableHub, serve_writable_hub
from tests.tiny import save_model

CARD = b"---\nlicense: apache-2.0\nlanguage: en\ntags: [small]\n---\n\n# The base\n"
BIG = {"hidden_size": 480, "head_dim": 80, "intermediate_size": 800, "num_hidden_layers": 4}
ABLATE = recipe_of((0, 1, "scale", 0.0), (2, 4, "scale", 0.5))
REINFORCE = recipe_of((0, 1, "scale", 1.5), (2, 4, "scale", 2.0))


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[WritableHub]:
    with serve_writable_hub(monkeypatch) as server:
        point_client(monkeypatch, server.url, tmp_path / "cache")
        monkeypatch.setenv("HF_TOKEN", TOKEN)
        monkeypatch.setenv("HF_HUB_DISABLE_PROGRESS_BARS", "1")
        monkeypatch.setattr("time.sleep", lambda seconds: None)
        yield server
        huggingface_hub.close_session()


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = save_model("llama", tmp_path_factory.mktemp("base") / "base", max_shard_size=FEW_KB)
    (path / "README.md").write_bytes(CARD)
    (path / ".gitattributes").write_bytes(b"*.safetensors filter=lfs\n")
    return path


def edit(base: Path, out: Path, recipe: Recipe, *, revision: str | None = None, card: bool = True) -> Path:
    """Apply, the base being `org/base` where a commit is given."""
    checkpoint = open_checkpoint(base, model="org/base" if revision else None, revision=revision)
    write = (lambda manifest, text: write_card(manifest, text, recipe=recipe)) if card else None
    apply_plan(plan_surgery(recipe, checkpoint), out, write_card=write)
    return out


@pytest.fixture
def out(base: Path, hub: WritableHub, tmp_path: Path) -> Path:
    """An ablated copy of a base that is on the Hub."""
    commit = hub.add("org/base", contents(base)).refs["main"]
    hub.uploads.clear()
    return edit(base, tmp_path / "edited", ABLATE, revision=commit)


def push(directory: Path, name: str = "me/edited", *, message: str = "edit", create_pr: bool = False, **choices: Any) -> PushPlan:
    plan = plan_push(directory, name, **choices)
    send(plan, message=message, create_pr=create_pr)
    return plan


def ways(plan: PushPlan, how: How) -> set[str]:
    return {transfer.file for transfer in plan.transfers if transfer.how == how}


def refused(*arguments: object, code: int = 1) -> str:
    """The one line of a refusal on the command line, and its hint; never a token."""
    result = CliRunner().invoke(app, ["push", *map(str, arguments), "-q"])
    assert result.exit_code == code, (result.exit_code, result.stderr, result.exception)
    assert result.stdout == ""
    assert [line[:6] for line in result.stderr.splitlines()] == ["error:", "hint: "], result.stderr
    assert "hf_" not in result.stderr
    return result.stderr


# What is sent


def test_a_push_is_one_commit_and_what_lies_there_is_the_directory(out: Path, hub: WritableHub) -> None:
    push(out)
    repository = hub.writable("me/edited")
    assert len(repository.commits) == 2, "the Hub's own first one, and ours"
    assert hub.files("me/edited") == contents(out)
    assert repository.private, "since the recipe ablates"
    assert repository.messages == ["edit"]


def test_a_download_of_it_can_be_restored(out: Path, hub: WritableHub, base: Path, tmp_path: Path) -> None:
    push(out)
    downloaded = huggingface_hub.snapshot_download("me/edited", local_dir=tmp_path / "down")
    restore_checkpoint(downloaded, tmp_path / "back")
    assert contents(tmp_path / "back") == contents(base)


def test_a_gguf_file_is_pushed_with_its_record(hub: WritableHub, tmp_path: Path) -> None:
    base = save_gguf(tmp_path / "x.gguf", Tiny())
    pushed = edit(base, tmp_path / "edited", recipe_of((1, 1, "scale", 0.0)))
    push(pushed)
    assert contents(pushed).items() <= hub.files("me/edited").items()
    downloaded = huggingface_hub.snapshot_download("me/edited", local_dir=tmp_path / "down")
    restore_checkpoint(downloaded, tmp_path / "back")
    assert (tmp_path / "back/x.gguf").read_bytes() == base.read_bytes()


def test_shards_that_equal_the_bases_are_copied_and_not_sent(out: Path, hub: WritableHub) -> None:
    plan = push(out)
    shards = {path.name: path.stat().st_size for path in out.glob("*.safetensors")}
    edited = {edit.file for edit in plan.contents.manifest.edits}
    assert len(edited) == 2 < len(shards)
    assert ways(plan, "copy") == set(shards) - edited
    large = {file for file in contents(out) if file.endswith((".safetensors", ".undo", ".png"))} - ways(plan, "copy")
    assert sum(hub.uploads.values()) == sum((out / file).stat().st_size for file in large)


def test_two_edited_shards_of_eight_cost_their_bytes_and_at_most_a_megabyte(hub: WritableHub, tmp_path: Path) -> None:
    base = save_model("llama", tmp_path / "big", max_shard_size="4400KB", **BIG)
    shards = sorted(base.glob("*.safetensors"))
    commit = hub.add("org/base", contents(base)).refs["main"]
    checkpoint = open_checkpoint(base)
    files = {layer: checkpoint.tensors[f"model.layers.{layer}.self_attn.o_proj.weight"].file for layer in range(4)}
    second = next(layer for layer in range(4) if files[layer] != files[0])
    recipe = recipe_of((0, 1, "scale", 0.0), (second, 0, "scale", 0.0))
    out = edit(base, tmp_path / "out", recipe, revision=commit)
    hub.bytes_in = 0
    plan = push(out)
    edited = {edit.file for edit in plan.contents.manifest.edits}
    sent = sum((base / file).stat().st_size for file in edited)
    assert (len(edited), len(shards)) == (2, 8)
    assert sent <= hub.bytes_in <= sent + 2**20
    assert plan.bytes_by("copy") > 2 * sent


def test_the_same_push_again_does_nothing(out: Path, hub: WritableHub) -> None:
    push(out)
    hub.bytes_in = 0
    again = plan_push(out, "me/edited")
    assert again.is_done
    send(again, message="again")
    assert hub.bytes_in < 1000, "questions only"
    assert hub.writable("me/edited").messages == ["edit"]


def test_a_later_push_replaces_its_own_files_and_removes_what_is_no_longer_part(
    out: Path, hub: WritableHub, tmp_path: Path
) -> None:
    push(out)
    single = edit(save_model("llama", tmp_path / "single"), tmp_path / "other", ABLATE)
    plan = push(single)
    assert ways(plan, "delete") == set(contents(out)) - set(contents(single)) - {".gitattributes"}
    assert hub.files("me/edited") == contents(single) | {".gitattributes": contents(out)[".gitattributes"]}


def test_the_hubs_own_lines_in_gitattributes_change_nothing(out: Path, hub: WritableHub, base: Path, tmp_path: Path) -> None:
    push(out)
    repository = hub.writable("me/edited")
    raw = repository.commits[repository.refs["main"]][".gitattributes"]
    assert raw.startswith(contents(base)[".gitattributes"])
    assert b"headsurgery.undo filter=lfs" in raw, "else this test says nothing"
    (tmp_path / "recipe.json").write_text(ABLATE.to_json())
    for one, other in (("org/base", "me/edited"), (base, "me/edited"), ("org/base", out)):
        result = CliRunner().invoke(app, ["diff", str(one), str(other), "--recipe", str(tmp_path / "recipe.json")])
        assert result.exit_code == 0, result.output
    downloaded = Path(huggingface_hub.snapshot_download("me/edited", local_dir=tmp_path / "down"))
    assert (downloaded / ".cache").is_dir(), "the client's own"
    assert CliRunner().invoke(app, ["diff", str(out), str(downloaded)]).exit_code == 0
    assert not plan_push(downloaded, "me/edited").notes
    assert plan_push(downloaded, "me/edited").is_done, "a download can be pushed as well"
    push(downloaded, "me/other")
    assert hub.files("me/other") == contents(out)
    (downloaded / ".gitattributes").write_bytes(b"*.md filter=lfs diff=lfs merge=lfs -text\n")
    assert ".gitattributes: not the bytes that apply wrote" in refused(downloaded, "me/edited")


def test_a_card_that_was_rewritten_goes_as_it_is(out: Path, hub: WritableHub) -> None:
    push(out)
    card = (out / "README.md").read_text().replace("## Intended use", "By me.\n\n## Intended use")
    (out / "README.md").write_text(card)
    plan = push(out)
    assert hub.files("me/edited")["README.md"].decode() == card
    assert ways(plan, "upload") == {"README.md", "headsurgery.json"}


@pytest.mark.parametrize("lost", ["README.md", "headsurgery.png", "never made"])
def test_a_card_that_is_missing_is_made(lost: str, out: Path, base: Path, hub: WritableHub, tmp_path: Path) -> None:
    if lost == "never made":
        out = edit(base, tmp_path / "plain", ABLATE, card=False)
    else:
        (out / lost).unlink()
    push(out)
    files = hub.files("me/edited")
    assert b"# The base" in files["README.md"]
    assert files["headsurgery.base-card.md"] == CARD
    assert files["headsurgery.png"].startswith(b"\x89PNG")
    downloaded = huggingface_hub.snapshot_download("me/edited", local_dir=tmp_path / "down")
    restore_checkpoint(downloaded, tmp_path / "back")
    assert contents(tmp_path / "back") == contents(base)


def test_files_that_the_manifest_does_not_name_stay_here(out: Path, hub: WritableHub) -> None:
    (out / ".env").write_text("secret")
    plan = push(out)
    assert ".env" not in hub.files("me/edited")
    assert plan.notes == ("not sent, because the manifest doesn't list it: .env",)


def test_base_and_recipe_make_the_model(out: Path, hub: WritableHub, tmp_path: Path) -> None:
    pushed = CliRunner().invoke(app, ["push", str(out), "me/recipe", "--recipe-only"])
    commit = hub.writable("me/recipe").refs["main"]
    assert f"next: headsurgery apply hf://me/recipe@{commit}/recipe.json -o again" in pushed.stderr
    made = CliRunner().invoke(app, ["apply", "hf://me/recipe/recipe.json", "-o", str(tmp_path / "again")])
    assert made.exit_code == 0, made.stderr
    assert contents(tmp_path / "again") == contents(out)
    arguments = ["diff", "org/base", str(out), "--recipe", "hf://me/recipe/recipe.json"]
    assert CliRunner().invoke(app, arguments).exit_code == 0


def test_only_the_recipe(out: Path, hub: WritableHub) -> None:
    push(out, recipe_only=True)
    files = hub.files("me/edited")
    assert set(files) == {".gitattributes", "README.md", "headsurgery.json", "headsurgery.png", "recipe.json"}
    assert sum(map(len, files.values())) < 50_000
    push(out)
    assert hub.files("me/edited") == contents(out), "the weights may follow"
    assert "which may not belong to this recipe" in refused(out, "me/edited", "--recipe-only")


@pytest.mark.parametrize(
    ("recipe", "choice", "is_private"),
    [(ABLATE, None, True), (ABLATE, False, False), (REINFORCE, None, False), (REINFORCE, True, True)],
)
def test_who_sees_a_new_repository(
    recipe: Recipe, choice: bool | None, is_private: bool, base: Path, hub: WritableHub, tmp_path: Path
) -> None:
    push(edit(base, tmp_path / "out", recipe), private=choice)
    assert hub.writable("me/edited").private == is_private


def test_a_public_repository_gets_no_ablated_model_by_accident(out: Path, hub: WritableHub) -> None:
    hub.add("me/edited", {})
    assert "is public, and this recipe ablates" in refused(out, "me/edited")
    push(out, private=False)
    assert hub.files("me/edited") == contents(out)


def test_a_pull_request_leaves_the_branch_alone(out: Path, hub: WritableHub) -> None:
    before = hub.add("me/edited", {"old.txt": b"old"}, private=True).refs["main"]
    plan = plan_push(out, "me/edited")
    done = send(plan, message="edit", create_pr=True)
    repository = hub.writable("me/edited")
    assert repository.refs["main"] == before
    assert done.url.endswith("/discussions/1")
    assert hub.files("me/edited", "refs/pr/1") == contents(out) | {"old.txt": b"old"}


@pytest.mark.parametrize("exists", [True, False])
def test_a_branch_is_made(exists: bool, out: Path, hub: WritableHub) -> None:
    if exists:
        hub.add("me/edited", {"old.txt": b"old"}, private=True)
    push(out, "me/edited@ablated")
    assert hub.files("me/edited", "ablated").items() >= contents(out).items()
    assert "config.json" not in hub.files("me/edited")
    assert plan_push(out, "me/edited", revision="ablated").is_done


def test_a_dry_run_says_what_a_push_then_does(out: Path, hub: WritableHub) -> None:
    shown = CliRunner().invoke(app, ["push", str(out), "me/edited", "--dry-run", "--json"])
    assert shown.exit_code == 0, shown.stderr
    assert ("models", "me/edited") not in hub.repositories
    done = CliRunner().invoke(app, ["push", str(out), "me/edited", "--json"])
    assert done.exit_code == 0, done.stderr
    before, after = json.loads(shown.stdout), json.loads(done.stdout)
    assert before["files"] == after["files"]
    assert {file["file"]: file["num_bytes"] for file in before["files"]} == {f: len(d) for f, d in contents(out).items()}
    assert {"repository": "me/edited", "exists": False, "private": True}.items() <= before.items()
    people = CliRunner().invoke(app, ["push", str(out), "me/other", "--dry-run"])
    assert re.search(r"model-00001-of-\d+\.safetensors +\d+ +(copy +as in the base|upload +edited)", people.stdout)


# What cannot be copied goes the plain way


@pytest.mark.parametrize("why", ["local", "moved", "not xet", "other file", "refused", "failed"])
def test_what_the_hub_does_not_copy_is_uploaded_with_a_word_why(
    why: str, out: Path, base: Path, hub: WritableHub, tmp_path: Path
) -> None:
    said = {
        "local": "the base is not on the Hub",
        "moved": "can't copy from the base",
        "not xet": "not in Xet storage",
        "other file": "another file of this name",
        "refused": "did not copy from the base (status 403)",
        "failed": "did not copy from the base (refused)",
    }[why]
    if why == "local":
        out = edit(base, tmp_path / "plain", ABLATE)
    elif why == "moved":
        del hub.repositories["models", "org/base"]
    elif why == "not xet":
        hub.can_copy = False
    elif why == "other file":
        repository = hub.writable("org/base")
        files = repository.commits[repository.refs["main"]]
        files.update({file: data[::-1] for file, data in files.items() if file.endswith(".safetensors")})
    elif why == "refused":
        hub.write_faults["POST /api/models/org/base/lfs-files"] = Fault(status=403)
    else:
        hub.writable("org/base").blobs.clear()
    plan = plan_push(out, "me/edited")
    done = send(plan, message="edit")
    assert said in " ".join((*done.notes, *(transfer.why for transfer in plan.transfers)))
    assert hub.files("me/edited").items() >= contents(out).items()
    assert len(hub.writable("me/edited").messages) == 1


# Nothing of a stranger's is overwritten


@pytest.mark.parametrize("file", ["README.md", "config.json", "headsurgery.json"])
def test_files_that_no_push_wrote_are_kept_without_force(file: str, out: Path, hub: WritableHub) -> None:
    hub.add("me/edited", {file: b"mine", "notes.txt": b"mine"}, private=True)
    assert f"has {file}, which headsurgery did not push" in refused(out, "me/edited")
    assert hub.files("me/edited") == {file: b"mine", "notes.txt": b"mine"}
    push(out, force=True)
    assert hub.files("me/edited") == contents(out) | {"notes.txt": b"mine"}


def test_a_card_that_was_edited_on_the_hub_is_kept(out: Path, hub: WritableHub) -> None:
    push(out)
    hub.writable("me/edited").commit(hub.files("me/edited") | {"README.md": b"---\nlicense: mit\n---\nmine"})
    assert "has README.md, which headsurgery did" in refused(out, "me/edited")


# Refusals before anything is sent


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda out: (out / "config.json").write_text("{}"), "config.json: 2 bytes, expected"),
        (lambda out: (out / "tokenizer.json").unlink(), "tokenizer.json: missing"),
        (lambda out: flip(next(out.glob("*.safetensors"))), "not the bytes that apply wrote"),
        (lambda out: (out / "headsurgery.json").unlink(), "headsurgery did not write it"),
    ],
)
def test_the_manifest_is_verified_first(change: Callable[[Path], None], said: str, out: Path, hub: WritableHub) -> None:
    change(out)
    hub.requests.clear()
    result = CliRunner().invoke(app, ["push", str(out), "me/edited"])
    assert result.exit_code == 1
    assert said in result.stderr
    assert not hub.requests


def flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)


@pytest.mark.parametrize("secret", ["hf_" + "AbCdEfGhIjKlMnOpQrStUvWxYz01234567", "home", "parent"])
def test_a_token_or_a_local_path_is_not_published(secret: str, out: Path, hub: WritableHub, monkeypatch: Any) -> None:
    monkeypatch.setenv("HOME", "/home/somebody")
    text = {"home": "/home/somebody/models", "parent": str(out.parent)}.get(secret, secret)
    (out / "README.md").write_text((out / "README.md").read_text() + text)
    said = refused(out, "me/edited")
    assert "README.md: contains a" in said
    assert text not in said


def test_a_card_that_is_not_valid(out: Path, hub: WritableHub) -> None:
    (out / "README.md").write_text("---\n[1, 2]\n---\n")
    result = CliRunner().invoke(app, ["push", str(out), "me/edited"])
    assert result.exit_code == 1
    assert "not a valid model card" in result.stderr
    (out / "README.md").write_bytes("---\nlicense: mit\n---\ncafé".encode("latin-1"))
    assert "README.md: not UTF-8" in refused(out, "me/edited")
    (out / "README.md").write_text("---\nlicense: [1]\n---\n")
    for flags in ((), ("--dry-run",)):
        assert '"license" must be a string' in refused(out, "me/edited", *flags), "what only the Hub knows"
    assert ("models", "me/edited") not in hub.repositories, "known before anything is sent"
    assert not hub.uploads


@pytest.mark.parametrize(
    ("licence", "name", "said"),
    [
        ("cc-by-nc-nd-4.0", "me/edited", "forbids sharing edited copies"),
        ("llama3.1", "me/edited", "me/Llama-edited"),
        ("llama3", "me/Llama-edited", "me/Llama-3-Llama-edited"),
        ("llama3.1", "me/llama_edited", None),
        ("gemma", "me/edited", None),
    ],
)
def test_what_the_bases_licence_asks_for(
    licence: str, name: str, said: str | None, base: Path, hub: WritableHub, tmp_path: Path
) -> None:
    shutil.copytree(base, tmp_path / "licensed")
    (tmp_path / "licensed/README.md").write_text(f"---\nlicense: {licence}\n---\n")
    out = edit(tmp_path / "licensed", tmp_path / "out", ABLATE)
    if "nd" in licence:
        assert said in refused(out, name)
        push(out, name, recipe_only=True)
        return
    plan = push(out, name)
    assert (said in " ".join(plan.notes)) if said else not plan.notes
    assert ("Llama" if "llama" in licence else "Gemma").encode() in hub.files(name)["NOTICE"]


def test_a_base_whose_licence_can_not_be_read_is_pushed_by_force_only(base: Path, hub: WritableHub, tmp_path: Path) -> None:
    shutil.copytree(base, tmp_path / "licensed")
    (tmp_path / "licensed/README.md").write_text("---\nlicense: openrail\nauthor: @me\n---\n")
    out = edit(tmp_path / "licensed", tmp_path / "out", ABLATE)
    said = " ".join(refused(out, "me/edited").split())
    assert "the metadata of the base's card can't be read" in said
    assert "it has 'license: openrail'" in said
    assert "--force if you have permission" in said
    push(out, "me/recipe", recipe_only=True)
    push(out, force=True)
    assert hub.files("me/edited")["headsurgery.base-card.md"].startswith(b"---\nlicense: openrail")


def test_a_repository_that_moved(out: Path, hub: WritableHub) -> None:
    hub.add("me/edited", {}, private=True)
    hub.moved["me/old"] = "me/edited"
    plan = push(out, "me/old")
    assert plan.notes == ("me/old: has moved to me/edited",)
    assert hub.files("me/edited") == contents(out)


def test_names_that_are_no_repository(out: Path, hub: WritableHub) -> None:
    assert "not a Hub id" in refused(out, "edited", code=2)
    assert "two revisions" in CliRunner().invoke(app, ["push", str(out), "a/b@c", "--revision", "d"]).stderr


def test_without_a_token(out: Path, hub: WritableHub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HF_TOKEN")
    hub.requests.clear()
    assert "needs a token" in refused(out, "me/edited")
    assert not hub.requests


def dry_run(out: Path, name: str) -> tuple[dict[str, Any], str]:
    result = CliRunner().invoke(app, ["push", str(out), name, "--dry-run", "--json"])
    assert result.exit_code == 0, result.stderr
    return json.loads(result.stdout), result.stderr


@pytest.mark.parametrize("there", ["nothing", "private", "gated"])
def test_a_dry_run_without_a_token_says_what_it_can_not_see(
    there: str, out: Path, hub: WritableHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The Hub answers a stranger alike where a repository is private and where there is none."""
    if there != "nothing":
        hub.add("me/edited", {"README.md": b"mine", "headsurgery.json": b"{}"}, private=there == "private", gated=there == "gated")
    monkeypatch.delenv("HF_TOKEN")
    before = dict(hub.files("me/edited")) if there != "nothing" else None
    found, said = dry_run(out, "me/edited")
    assert found["exists"] is None
    assert {file["file"] for file in found["files"]} == contents(out).keys()
    assert "me/edited: without a token, the Hub doesn't show whether this repository exists" in " ".join(said.split())
    assert before is None or hub.files("me/edited") == before


def test_a_dry_run_without_a_token_reads_what_is_public(out: Path, hub: WritableHub, monkeypatch: pytest.MonkeyPatch) -> None:
    push(out, "me/public", private=False)
    monkeypatch.delenv("HF_TOKEN")
    result = CliRunner().invoke(app, ["push", str(out), "me/public", "--dry-run", "--public", "--json"])
    found = json.loads(result.stdout)
    assert (found["exists"], found["private"]) == (True, False)
    assert found["bytes"]["upload"] == 0
    assert "without a token" not in result.stderr


def test_with_a_token_a_new_repository_is_new(out: Path, hub: WritableHub) -> None:
    found, said = dry_run(out, "me/edited")
    assert found["exists"] is False
    assert "without a token" not in said


# Faults: one line, exit 1, the repository as it was, and the same push goes through afterwards

SHARD = "PUT /lfs/me/edited"
FAULTS: dict[str, tuple[str, Fault, str]] = {
    "401 at the commit": ("POST /api/models/me/edited/commit", Fault(status=401), "doesn't accept the token for writing"),
    "403 at the commit": ("POST /api/models/me/edited/commit", Fault(status=403), "the token has no write access"),
    "404 at the commit": ("POST /api/models/me/edited/commit", Fault(status=404), "status 404"),
    "409 at the commit": ("POST /api/models/me/edited/commit", Fault(status=409), "somebody else changed it in the meantime"),
    "412 at the commit": ("POST /api/models/me/edited/commit", Fault(status=412), "somebody else changed it in the meantime"),
    "429 at the commit": ("POST /api/models/me/edited/commit", Fault(status=429, retry_after=7), "too many requests"),
    "500 at the commit": ("POST /api/models/me/edited/commit", Fault(status=500), "status 500"),
    "403 before upload": ("POST /api/models/me/edited/preupload", Fault(status=403), "the token has no write access"),
    "429 before upload": ("POST /api/models/me/edited/preupload", Fault(status=429, retry_after=7), "too many requests"),
    "500 before upload": ("POST /api/models/me/edited/preupload", Fault(status=500), "status 500"),
    "403 at the upload": (SHARD, Fault(status=403), "the token has no write access"),
    "500 at the upload": (SHARD, Fault(status=500), "status 500"),
    "429 at the upload": (SHARD, Fault(status=429, retry_after=7), "too many requests"),
    "cut in mid-shard": (SHARD, Fault(cut=True), "the connection broke"),
    "wrong hash": (SHARD, Fault(corrupt=True), "the Hub received other bytes than announced"),
    "401 at the upload": (SHARD, Fault(status=401), "doesn't accept the token for writing"),
    "404 before upload": ("POST /api/models/me/edited/preupload", Fault(status=404), "status 404"),
    "silence at the commit": ("POST /api/models/me/edited/commit", Fault(status=500, delay=0.6), "the Hub does not answer"),
    "silence before upload": ("POST /api/models/me/edited/preupload", Fault(status=500, delay=0.6), "the Hub does not answer"),
    "silence at the upload": (SHARD, Fault(status=500, delay=0.6), "the Hub does not answer"),
    "500 for the card": ("POST /api/validate-yaml", Fault(status=500), "status 500"),
    "500 at the batch": ("POST /me/edited.git", Fault(status=500), "status 500"),
}


USUAL_FAULTS = (
    *("403 at the commit", "412 at the commit", "429 before upload", "500 at the upload", "cut in mid-shard", "wrong hash"),
    *("silence at the commit", "500 at the batch"),
)


@pytest.mark.parametrize("name", all_but(USUAL_FAULTS, FAULTS))
def test_a_fault(name: str, out: Path, hub: WritableHub, monkeypatch: pytest.MonkeyPatch) -> None:
    place, fault, said = FAULTS[name]
    if fault.delay:
        monkeypatch.setattr("headsurgery.hub.silence._SECONDS", 0.2)
    before = hub.add("me/edited", {"old.txt": b"old"}, private=True)
    commits, refs = dict(before.commits), dict(before.refs)
    hub.write_faults[place] = fault
    text = refused(out, "me/edited")
    assert said in text
    assert ("wait 7 s" in text) == (fault.retry_after == 7)
    assert (before.commits, before.refs) == (commits, refs)
    hub.write_faults.clear()
    result = CliRunner().invoke(app, ["push", str(out), "me/edited"])
    assert result.exit_code == 0, result.stderr
    assert hub.files("me/edited") == contents(out) | {"old.txt": b"old"}


PASSING = [
    ("POST /api/models/me/edited/commit", Fault(status=500, times=2)),
    ("POST /api/models/me/edited/commit", Fault(status=429, retry_after=1, times=1)),
    ("POST /api/models/me/edited/commit", Fault(lost=True, times=1)),
    ("POST /api/models/me/edited/commit", Fault(cut=True, times=1)),
    ("POST /api/models/me/edited/preupload", Fault(status=503, times=2)),
    ("POST /api/models/me/edited/commit", Fault(delay=0.6, times=1)),
    (SHARD, Fault(cut=True, times=1)),
    (SHARD, Fault(status=500, times=1)),
    (SHARD, Fault(status=429, retry_after=1, times=1)),
]


@pytest.mark.parametrize("passing", all_but([PASSING[2], PASSING[6]], PASSING), ids=str)
def test_a_passing_fault_is_not_even_noticed(
    passing: tuple[str, Fault], out: Path, hub: WritableHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    place, fault = passing
    if fault.delay:
        monkeypatch.setattr("headsurgery.hub.silence._SECONDS", 0.2)
    hub.write_faults[place] = fault
    push(out)
    assert hub.files("me/edited") == contents(out)
    assert len(hub.writable("me/edited").messages) == 1, "also where only the answer got lost"


def test_what_was_uploaded_before_a_fault_is_not_sent_again(out: Path, hub: WritableHub) -> None:
    hub.write_faults["POST /api/models/me/edited/commit"] = Fault(status=403)
    refused(out, "me/edited")
    sent = dict(hub.uploads)
    hub.write_faults.clear()
    push(out)
    assert hub.uploads == sent


def test_ctrl_c_does_not_wait_for_uploads_under_way(out: Path, hub: WritableHub) -> None:
    hub.write_faults[SHARD] = Fault(delay=20)
    environment = os.environ | {"HF_ENDPOINT": hub.url, "HF_HUB_DISABLE_XET": "1"}
    command = [sys.executable, "-m", "headsurgery", "push", str(out), "me/edited"]
    process = subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True)
    wait_for(lambda: any(request.startswith(SHARD) for request in hub.requests))
    process.send_signal(signal.SIGINT)
    _, talk = process.communicate(timeout=10)
    assert process.returncode == 130
    assert "interrupted" in talk
    assert "config.json" not in hub.files("me/edited")
    hub.write_faults.clear()
    push(out)
    assert hub.files("me/edited") == contents(out)


def wait_for(happens: Callable[[], bool]) -> None:
    for _ in range(600):
        if happens():
            return
        Event().wait(0.1)  # time.sleep is taken away
    raise AssertionError("it never happened")


def test_a_slow_hub(out: Path, hub: WritableHub) -> None:
    hub.write_faults["POST"] = Fault(delay=0.2)
    hub.write_faults[SHARD] = Fault(delay=0.2)
    push(out)
    assert hub.files("me/edited") == contents(out)


def test_a_hub_without_xet_says_so_to_a_client_that_has_it(out: Path, hub: WritableHub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", False)
    text = refused(out, "me/edited")
    assert "the upload failed" in text
    assert "HF_HUB_DISABLE_XET=1" in text
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True)
    push(out)
    assert hub.files("me/edited") == contents(out)


def test_somebody_else_is_quicker(out: Path, hub: WritableHub) -> None:
    repository = hub.add("me/edited", {"old.txt": b"old"}, private=True)
    plan = plan_push(out, "me/edited")
    repository.commit({"new.txt": b"new"})
    with pytest.raises(Exception, match="somebody else changed it in the meantime"):
        send(plan, message="edit")
    assert hub.files("me/edited") == {"new.txt": b"new"}


def test_a_file_that_changes_while_it_is_pushed(out: Path, hub: WritableHub) -> None:
    plan = plan_push(out, "me/edited")
    file = next(iter(edit.file for edit in plan.contents.manifest.edits))
    flip(out / file)
    with pytest.raises(Exception, match="changed while it was pushed"):
        send(plan, message="edit")
    assert "config.json" not in hub.files("me/edited")


@pytest.mark.parametrize(
    ("token", "name", "said"),
    [
        (READER, "me/edited", "the token has no write access"),
        (READER, "me/new", "the token has no write access"),
        (STRANGER, "me/edited", "the token has no write access"),
        ("hf_revoked", "me/edited", "the Hub doesn't accept the token"),
    ],
)
def test_tokens_that_may_not(token: str, name: str, said: str, out: Path, hub: WritableHub) -> None:
    hub.add("me/edited", {}, private=True)
    assert said in refused(out, name, "--token", token)
    assert hub.files("me/edited") == {}
    assert ("models", "me/new") not in hub.repositories
