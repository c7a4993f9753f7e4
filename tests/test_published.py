"""Published prompt sets: what the table promises, and loading each from a Hub that holds nonsense in the published layout."""

from __future__ import annotations

import csv
import io
import json
import re
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from headsurgery.errors import HeadSurgeryError, HubError, PromptError
from headsurgery.prompts import PromptSet, PublishedSet, encode, load_prompts, load_template, published_sets
from tests.hub_server import STRANGER, TOKEN, HubServer, Repository, point_client, serve_hub
from tests.tiny import build_tokenizer

SETS = {row.name: row for row in published_sets()}
WITH_FILE = [row for row in SETS.values() if row.file]
WITHOUT_FILE = [row for row in SETS.values() if not row.file]
FILTERED = [row for row in SETS.values() if row.where]


def nonsense(count: int) -> list[str]:
    return [f'w{number}, "w{number % 7}"\nw3' for number in range(count)]


def build_rows(row: PublishedSet, texts: list[str]) -> list[dict[str, str]]:
    """The set's rows, each followed by one that its filter leaves out."""
    rows = []
    for text in texts:
        rows.append({"id": str(len(rows)), row.column: text, "note": "w9"})
        if row.where:
            column, value = row.where
            rows[-1][column] = value
            rows.append({**rows[-1], row.column: f"left out: {text}", column: f"not {value}"})
    return rows


def build_table(rows: list[dict[str, str]], file: str) -> bytes:
    if file.endswith(".jsonl"):
        return b"\xef\xbb\xbf" + "".join(json.dumps(row) + "\n" for row in rows).encode()
    table = io.StringIO()
    writer = csv.DictWriter(table, list(rows[0]))
    writer.writeheader()
    writer.writerows(rows)
    return table.getvalue().encode()


def serve(hub: HubServer, row: PublishedSet, texts: list[str], **flags: bool) -> Repository:
    """A repository in the published layout, at the published commit if there is one; its newest commit holds other texts."""
    file = row.file or "data/train-00000-of-00001.jsonl"
    others = {"README.md": b"# w1", "train.csv": b"prompt\nanother table\n"} if row.file else {"README.md": b"# w1"}
    pinned = {**others, file: build_table(build_rows(row, texts), file)}
    if row.revision is None:
        return hub.add(row.repo, pinned, kind="datasets", **flags)
    repository = hub.add(row.repo, {file: build_table(build_rows(row, ["newest"]), file)}, kind="datasets", **flags)
    repository.commits[row.revision] = pinned
    return repository


def refusal(call: Callable[[], object], kind: type[HeadSurgeryError], name: str) -> HeadSurgeryError:
    """What a set is refused with: one line under its name, with the ways round it."""
    with pytest.raises(kind) as caught:
        call()
    error = caught.value
    assert "\n" not in f"{error}{error.hint}"
    assert str(error).startswith(f"{name}: ")
    assert f"{name}@main, a file, or another copy on the Hub like org/name:split" in error.hint
    return error


# The table


def test_the_table_holds_the_sets_that_are_asked_for() -> None:
    assert {name: row.kind for name, row in SETS.items()} == {
        **dict.fromkeys(("advbench", "jailbreakbench", "malicious-instruct", "harmbench", "strongreject"), "harmful"),
        **dict.fromkeys(("xstest", "or-bench", "jailbreakbench-benign"), "over_refusal"),
        "xstest-unsafe": "harmful",
    }
    assert len(SETS) == len(published_sets())


def test_a_row_says_where_from_and_whose(subtests: pytest.Subtests) -> None:
    for row in SETS.values():
        with subtests.test(row=row):
            assert re.fullmatch(r"[a-z-]+", row.name), "neither a path nor org/name"
            assert re.fullmatch(r"[\w-]+/[\w-]+", row.repo)
            assert row.count >= 100
            assert row.licence in ("MIT", "CC-BY-4.0", "CC-BY-SA-4.0")
            assert re.search(r", 20\d\d, arXiv:\d{4}\.\d{5}$", row.citation)
            assert row.revision is None or re.fullmatch(r"[0-9a-f]{40}", row.revision)
            assert row.file is None or row.file.endswith((".csv", ".jsonl"))


# Loading


@pytest.mark.parametrize("row", SETS.values(), ids=SETS)
def test_a_set_is_loaded_whole_and_under_its_commit(row: PublishedSet, hub: HubServer) -> None:
    texts = nonsense(row.count)
    repository = serve(hub, row, texts)
    prompts = load_prompts(row.name)
    commit = row.revision or repository.refs["main"]
    assert prompts == PromptSet(name=f"{row.name}@{commit}", texts=tuple(texts), kind=row.kind)
    assert load_prompts(prompts.name) == prompts
    downloaded = {request.split("/resolve/")[1] for request in hub.requests if "/resolve/" in request}
    assert {name.partition("/")[2] for name in downloaded} == {row.file or "data/train-00000-of-00001.jsonl"}


@pytest.mark.parametrize("row", SETS.values(), ids=SETS)
def test_another_count_is_a_note(row: PublishedSet, hub: HubServer) -> None:
    serve(hub, row, ["w1", "w2", "w2", ""])
    prompts = load_prompts(row.name, limit=1)
    assert prompts.texts == ("w1",)
    assert prompts.notes == (
        f"{prompts.name}: 4 rows, but the published set has {row.count}",
        f"{prompts.name}: left out 1 empty prompts",
        f"{prompts.name}: left out 1 duplicate prompts",
    )


def test_the_two_parts_of_xstest_are_the_whole(hub: HubServer) -> None:
    rows = [{"prompt": f"w{number}", "label": label} for number, label in enumerate(["safe", "unsafe", "unsafe", "safe"])]
    hub.add("Paul/XSTest", {}, kind="datasets").commits[SETS["xstest"].revision or ""] = {
        "xstest_prompts.csv": build_table(rows, ".csv")
    }
    assert load_prompts("xstest").texts == ("w0", "w3")
    assert load_prompts("xstest-unsafe").texts == ("w1", "w2")


@pytest.mark.parametrize("row", [SETS["advbench"], SETS["or-bench"]], ids=lambda row: row.name)
@pytest.mark.parametrize("revision", ["v1", "refs/pr/2", "commit"])
def test_a_revision_may_be_picked(revision: str, row: PublishedSet, hub: HubServer) -> None:
    repository = serve(hub, row, ["w1"])
    files = {row.file or "": build_table(build_rows(row, ["w2"]), row.file or "")}
    commit = repository.commit(files, ref="main" if revision == "commit" else revision)
    prompts = load_prompts(f"{row.name}@{commit if revision == 'commit' else revision}")
    assert (prompts.name, prompts.texts) == (f"{row.name}@{commit}", ("w2",))


def test_without_a_pin_the_newest_is_taken_and_said_which(hub: HubServer) -> None:
    row = SETS["advbench"]
    repository = serve(hub, row, ["w1"])
    first = load_prompts("advbench")
    newest = repository.commit({row.file or "": build_table(build_rows(row, ["w2"]), row.file or "")})
    assert load_prompts("advbench").name == f"advbench@{newest}"
    assert load_prompts(first.name) == first


def test_with_a_pin_the_newest_is_taken_on_demand(hub: HubServer) -> None:
    serve(hub, SETS["or-bench"], ["w1"])
    assert load_prompts("or-bench").texts == ("w1",)
    assert load_prompts("or-bench@main").texts == ("newest",)


@pytest.mark.parametrize("row", [row for row in WITH_FILE if row.revision], ids=lambda row: row.name)
def test_a_pinned_set_needs_no_connection_twice(row: PublishedSet, hub: HubServer) -> None:
    serve(hub, row, ["w1"])
    first = load_prompts(row.name)
    hub.requests.clear()
    assert load_prompts(row.name) == first
    assert not hub.requests


def test_a_set_goes_nowhere_but_into_the_hubs_cache(hub: HubServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    serve(hub, SETS["advbench"], ["w1"])
    load_prompts("advbench")
    assert not list((tmp_path / "here").iterdir())
    assert {path.name for path in tmp_path.iterdir()} == {"here", "cache"}


# Names


def test_a_published_name_wins_over_a_file_unless_it_looks_like_one(
    hub: HubServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    serve(hub, SETS["advbench"], ["published"])
    for name in ("advbench", "advbench.txt"):
        (tmp_path / name).write_text("mine")
    assert load_prompts("advbench").texts == ("published",)
    for source in ("./advbench", str(tmp_path / "advbench"), "advbench.txt"):
        assert load_prompts(source).texts == ("mine",)


def test_an_unknown_name_is_told_the_known_ones(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("advbnch", "AdvBench", "advbench:train", "xstest-safe"):
        with pytest.raises(PromptError, match="no such file") as caught:
            load_prompts(name)
        assert all(known in caught.value.hint for known in SETS)


def test_a_kind_is_known_of_known_sets_only_and_stays(tmp_path: Path) -> None:
    assert (load_prompts("builtin:decline").kind, load_prompts("builtin:harmless").kind) == ("harmful", "harmless")
    (tmp_path / "p.txt").write_text("w3\nw4")
    prompts = load_prompts(str(tmp_path / "p.txt"))
    assert prompts.kind is None
    fast = build_tokenizer()
    kept, _ = encode(replace(prompts, kind="over_refusal"), load_template("direct", fast), fast, max_tokens=4)
    assert kept.kind == "over_refusal"


# Refusals


@pytest.mark.parametrize("token", [None, STRANGER])
@pytest.mark.parametrize("row", [WITH_FILE[0], WITHOUT_FILE[0]], ids=lambda row: row.name)
def test_a_gated_set(row: PublishedSet, token: str | None, hub: HubServer) -> None:
    serve(hub, row, ["w1"], gated=True)
    error = refusal(lambda: load_prompts(row.name, token=token), HubError, row.name)
    assert str(error) == f"{row.name}: {row.repo}: gated"
    assert "HF_TOKEN" in error.hint
    assert load_prompts(row.name, token=TOKEN).texts == ("w1",)


@pytest.mark.parametrize("row", [SETS["or-bench"], SETS["advbench"], SETS["malicious-instruct"]], ids=lambda row: row.name)
@pytest.mark.parametrize("offline", [False, True])
def test_no_connection(offline: bool, row: PublishedSet, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("time.sleep", lambda _: None)
    with serve_hub() as server:
        address = server.url
    point_client(monkeypatch, address, tmp_path, offline=offline)
    error = refusal(lambda: load_prompts(row.name), HubError, row.name)
    assert "can't be reached" in str(error)
    assert "HF_HUB_OFFLINE" in error.hint
    assert f"builtin:{'decline' if row.kind == 'harmful' else 'harmless'} works without the Hub" in error.hint


@pytest.mark.parametrize("row", SETS.values(), ids=SETS)
def test_a_set_or_commit_that_is_gone(row: PublishedSet, hub: HubServer) -> None:
    assert "no such repository" in str(refusal(lambda: load_prompts(row.name), HubError, row.name))
    serve(hub, row, ["w1"])
    assert "no such revision" in str(refusal(lambda: load_prompts(f"{row.name}@v9"), HubError, row.name))
    assert "org/name@revision" in str(refusal(lambda: load_prompts(f"{row.name}@"), PromptError, row.name))


@pytest.mark.parametrize("row", WITH_FILE, ids=lambda row: row.name)
def test_a_file_that_was_moved(row: PublishedSet, hub: HubServer) -> None:
    hub.add(row.repo, {"elsewhere.csv": b"prompt\nw1\n"}, kind="datasets")
    error = refusal(lambda: load_prompts(f"{row.name}@main"), PromptError, row.name)
    assert f"{row.repo}: has no file {row.file} at main" in str(error)


@pytest.mark.parametrize("row", WITHOUT_FILE, ids=lambda row: row.name)
def test_a_set_without_plain_table_needs_the_extra(row: PublishedSet, hub: HubServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "datasets", None)
    hub.add(row.repo, {"data/train-00000-of-00001.parquet": b"PAR1"}, kind="datasets")
    error = refusal(lambda: load_prompts(f"{row.name}@main"), PromptError, row.name)
    assert "has no plain table" in str(error)
    assert "headsurgery[datasets]" in error.hint


@pytest.mark.parametrize("row", SETS.values(), ids=SETS)
def test_a_column_that_was_renamed(row: PublishedSet, hub: HubServer) -> None:
    renamed = replace(row, column="text")
    serve(hub, renamed, ["w1"])
    error = refusal(lambda: load_prompts(row.name), PromptError, row.name)
    assert f"{row.repo}: no column {row.column.lower()}; it has id, text, note" in str(error)
    assert "--column" in error.hint
    assert ("unverified" in str(error)) == bool(row.unverified)
    assert load_prompts(row.name, column="text").texts == ("w1",)


@pytest.mark.parametrize("row", FILTERED, ids=lambda row: row.name)
def test_labels_that_were_renamed(row: PublishedSet, hub: HubServer) -> None:
    assert row.where
    serve(hub, replace(row, where=(row.where[0], "another")), ["w1"])
    assert f"no row has {row.where[1]} in {row.where[0]}" in str(refusal(lambda: load_prompts(row.name), PromptError, row.name))
    serve(hub, replace(row, where=("another", row.where[1])), ["w1"])
    assert f"no column {row.where[0].lower()}" in str(refusal(lambda: load_prompts(f"{row.name}@main"), PromptError, row.name))
