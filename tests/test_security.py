"""What a stranger's checkpoint, recipe or card must not do: run code, leave its folder, steer a terminal.

Neighbours: `test_bounds`, what must not exhaust this machine; `test_fuzz`.
"""

from __future__ import annotations

import ast
import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path, PureWindowsPath
from typing import Any

import pytest
from typer.testing import CliRunner

import headsurgery
from headsurgery import open_checkpoint
from headsurgery.auditing.declared_base import find_base
from headsurgery.card.files import load_base_card, save_card
from headsurgery.cli import app
from headsurgery.errors import CheckpointError, HeadSurgeryError
from headsurgery.filesystem.files import Directory
from headsurgery.storage import json_files
from headsurgery.storage.header import read_header
from headsurgery.storage.json_files import stays_inside
from headsurgery.storage.safetensors import WEIGHTS
from headsurgery.surgery.base_files import BASE_CARD, CARD, PICTURE
from headsurgery.surgery.manifest import Manifest
from headsurgery.surgery.restore import restore_checkpoint
from headsurgery.surgery.verify import verify_checkpoint
from tests.directories import as_hub_cache, pack
from tests.exhaustive import all_but
from tests.fuzzing import dump
from tests.hub_server import TOKEN, HubServer
from tests.readers import EDITS, Bench

ROOT = Path(headsurgery.__file__).parent
SECRET = b"the secret of this machine"


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    (tmp_path / "secret").write_bytes(SECRET)
    return Bench(root=tmp_path / "bench")


def nodes() -> Iterator[tuple[Path, ast.AST]]:
    """Every node of the syntax tree of every module, with its module's path."""
    for path in sorted(ROOT.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            yield path.relative_to(ROOT), node


def safe_loaders() -> set[str]:
    """Classes of ours that derive from yaml.SafeLoader."""
    return {
        node.name for _, node in nodes() if isinstance(node, ast.ClassDef) and "yaml.SafeLoader" in map(ast.unparse, node.bases)
    }


class TestCode:
    def test_nothing_is_unpickled_and_no_text_is_run(self) -> None:
        unpickling = {"pickle", "cPickle", "_pickle", "dill", "cloudpickle", "joblib", "shelve", "marshal"}
        for path, node in nodes():
            if isinstance(node, ast.Import):
                assert not {alias.name.partition(".")[0] for alias in node.names} & unpickling, path
            if isinstance(node, ast.ImportFrom):
                assert str(node.module).partition(".")[0] not in unpickling, path
            if isinstance(node, ast.Call):
                called = ast.unparse(node.func)
                options = {option.arg: ast.unparse(option.value) for option in node.keywords}
                assert called not in ("eval", "exec", "compile", "os.system", "os.popen", "__import__", "yaml.unsafe_load"), path
                assert not called.endswith("read_pickle"), path
                assert options.get("shell", "False") == "False", path
                assert options.get("allow_pickle", "False") == "False", path
                if called == "torch.load":
                    assert options["weights_only"] == "True", path
                if called == "yaml.load":
                    assert options["Loader"] in safe_loaders(), f"{path}: expected a yaml.SafeLoader"
                if called.endswith(".from_pretrained") and "output_loading_info" in options:
                    stated = options.get("use_safetensors") == "True" or "'use_safetensors': True" in ast.unparse(node)
                    assert stated, f"{path}: transformers would fall back on .bin"

    def test_remote_code_is_off_by_default(self) -> None:
        """Where it can be left out it is False; and nobody writes True."""
        for path, node in nodes():
            if isinstance(node, ast.FunctionDef):
                positional, named = node.args.args, node.args.kwonlyargs
                defaults = [None] * (len(positional) - len(node.args.defaults)) + [*node.args.defaults]
                for argument, default in [*zip(positional, defaults), *zip(named, node.args.kw_defaults)]:
                    if argument.arg == "trust_remote_code" and default is not None:
                        assert ast.unparse(default) == "False", path
            if isinstance(node, ast.AnnAssign) and ast.unparse(node.target) == "trust_remote_code" and node.value is not None:
                assert ast.unparse(node.value) == "False", path
            if isinstance(node, ast.keyword) and node.arg == "trust_remote_code":
                assert ast.unparse(node.value) != "True", path

    def test_a_checkpoint_with_pickled_weights_only_is_not_loaded(self, tmp_path: Path) -> None:
        from headsurgery.model.loading import load_model
        from tests.tiny import save_model

        class Bomb:
            def __reduce__(self) -> Any:
                return Path.touch, (tmp_path / "ran",)

        import torch

        base = save_model("llama", tmp_path / "base")
        (base / WEIGHTS).unlink()
        torch.save(Bomb(), base / "pytorch_model.bin")
        with pytest.raises(CheckpointError, match="never unpickles"):
            open_checkpoint(base)
        with pytest.raises(CheckpointError, match="never unpickles"):
            load_model(base, device="cpu")
        assert not (tmp_path / "ran").exists()


class TestPaths:
    def test_names_that_lead_out(self, subtests: pytest.Subtests) -> None:
        for file in ["..", "../x", "/x", "a/../x", "a/..", "./x", "a//x", "a/", "", ".", "\0", "a\0", "\ud800", "x" * 5000]:
            with subtests.test(file=file):
                assert not stays_inside(file)

    @pytest.mark.parametrize("file", ["..\\x", "a\\..\\x", "\\x", "\\\\host\\x", "C:x", "c:\\x", "C:/x", "a\\b", "../x", "/x"])
    def test_names_that_lead_out_on_windows(self, file: str, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(json_files, "PurePath", PureWindowsPath)
        assert not stays_inside(file)
        assert stays_inside("a/b.safetensors")

    @pytest.mark.parametrize("made_by", ["cache", "git", "client"])
    @pytest.mark.parametrize("file", [WEIGHTS, "config.json", CARD])
    def test_a_link_out_of_a_downloaded_repository_is_not_followed(
        self, made_by: str, file: str, bench: Bench, tmp_path: Path
    ) -> None:
        folder = bench.root / "base"
        if made_by == "cache":
            folder = as_hub_cache(folder, tmp_path / "hub")
            assert open_checkpoint(folder).tensors == bench.base.tensors, "links into the cache's blobs are its own"
        else:
            (folder / {"git": ".git", "client": ".cache/huggingface"}[made_by]).mkdir(parents=True)
        shutil.copyfile(folder / file, tmp_path / "elsewhere")
        (folder / file).unlink()
        (folder / file).symlink_to(tmp_path / "elsewhere")
        with pytest.raises(CheckpointError, match=f"{file}: a link that leads out of the downloaded repository") as caught:
            find_base(open_checkpoint(folder))
        assert "trust" in caught.value.hint

    def test_ones_own_links_are_followed(self, bench: Bench, tmp_path: Path) -> None:
        shutil.move(bench.root / "base" / WEIGHTS, tmp_path / "weights")
        (bench.root / "base" / WEIGHTS).symlink_to(tmp_path / "weights")
        assert open_checkpoint(bench.root / "base").tensors == bench.base.tensors

    @pytest.mark.skipif(os.name != "posix", reason="no pipes with names")
    def test_a_pipe_is_refused_and_not_waited_for(self, bench: Bench) -> None:
        os.mkfifo(bench.root / "edited" / "pipe")
        document = json.loads((bench.root / "edited" / "headsurgery.json").read_text())
        document["files"].append({"file": "pipe", "num_bytes": 5, "sha256": "0" * 64, "base_sha256": "0" * 64})
        (bench.root / "edited" / "headsurgery.json").write_text(json.dumps(document))
        with pytest.raises(CheckpointError, match="pipe: a pipe or a device, expected a file"):
            restore_checkpoint(bench.root / "edited", bench.out)
        assert verify_checkpoint(bench.root / "edited").problems == {"pipe": "missing"}
        with pytest.raises(CheckpointError, match="expected a file"):
            read_header(Directory(bench.root / "edited"), "pipe")

    def test_a_card_that_is_a_link_is_neither_published_nor_written_through(self, bench: Bench, tmp_path: Path) -> None:
        edited = bench.root / "edited"
        for name in (CARD, PICTURE, BASE_CARD):
            (edited / name).unlink(missing_ok=True)
            (edited / name).symlink_to(tmp_path / "secret")
        with pytest.raises(HeadSurgeryError, match="a link, expected a file"):
            load_base_card(edited)
        with pytest.raises(HeadSurgeryError, match="a link, expected a file"):
            save_card(edited, {CARD: b"", PICTURE: b""})
        assert (tmp_path / "secret").read_bytes() == SECRET
        assert verify_checkpoint(edited).problems[CARD] == "a link, expected a file"

    def test_a_manifest_that_claims_terabytes_of_attributes_is_read_in_little_memory(self, bench: Bench) -> None:
        edited = bench.root / "edited"
        (edited / ".gitattributes").write_text("x")
        document = json.loads((edited / "headsurgery.json").read_text())
        document["files"].append({"file": ".gitattributes", "num_bytes": 2**62, "sha256": "0" * 64, "base_sha256": "0" * 64})
        (edited / "headsurgery.json").write_text(json.dumps(document))
        assert verify_checkpoint(edited).problems == {".gitattributes": f"1 bytes, expected {2**62}"}
        with pytest.raises(HeadSurgeryError):
            restore_checkpoint(edited, bench.out)

    def test_a_manifest_with_a_negative_size_is_refused(self, bench: Bench) -> None:
        document = json.loads((bench.root / "edited" / "headsurgery.json").read_text())
        document["files"][0]["num_bytes"] = -1
        (bench.root / "edited" / "headsurgery.json").write_text(json.dumps(document))
        with pytest.raises(CheckpointError, match=r"files\[0\]\.num_bytes: .*, found -1"):
            Manifest.load(bench.root / "edited")

    def test_an_edit_under_another_files_name_is_refused(self, bench: Bench) -> None:
        document = json.loads((bench.root / "edited" / "headsurgery.json").read_text())
        document["edits"][0]["file"] = "config.json"
        (bench.root / "edited" / "headsurgery.json").write_text(json.dumps(document))
        problems = verify_checkpoint(bench.root / "edited").problems
        assert problems == {"headsurgery.json, edits[0].file": f"says 'config.json', expected '{WEIGHTS}'"}
        with pytest.raises(HeadSurgeryError):
            restore_checkpoint(bench.root / "edited", bench.out)


class TestTerminal:
    def test_names_can_neither_steer_the_terminal_nor_be_taken_for_markup(self, bench: Bench) -> None:
        data = (bench.root / "base" / WEIGHTS).read_bytes()
        length = int.from_bytes(data[:8], "little")
        header = json.loads(data[8 : 8 + length])
        header["\x1b]0;owned\x07[/b][link=x]\u202e"] = header.pop("model.norm.weight")
        (bench.root / "case-base" / WEIGHTS).write_bytes(pack(dump(header), data[8 + length :]))
        result = CliRunner().invoke(app, ["diff", str(bench.root / "base"), str(bench.root / "case-base")])
        assert (result.exit_code, result.exception.__class__) == (1, SystemExit)
        assert "\\x1b]0;owned\\x07[/b][link=x]\\u202e: only in the edited checkpoint" in result.output
        assert not {"\x1b", "\x07", "\u202e"} & set(result.output)

    def test_errors_neither(self, bench: Bench) -> None:
        (bench.root / "base" / "\x1b[2J").mkdir()
        result = CliRunner().invoke(app, ["inspect", str(bench.root / "base" / "\x1b[2J")])
        assert "\\x1b[2J" in result.output
        assert "\x1b" not in result.output


@pytest.mark.parametrize("where", all_but(["environment"], ["environment", "command line"]))
@pytest.mark.parametrize(
    "arguments",
    [
        "inspect org/private",
        "inspect org/absent",
        "inspect org/broken",
        "inspect base",
        "diff base org/private",
        "apply recipe.json org/private -o out",
        "apply hf://org/name/absent.json base -o out",
        "audit org/broken",
        "apply base/config.json base -o out",
        "push edited org/private --dry-run",
        "push base org/name",
        "audit base --base org/absent",
    ],
)
def test_a_token_is_neither_printed_nor_stored(
    arguments: str, where: str, hub: HubServer, bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever fails."""
    token = "hf_" + "Q7zK" * 9
    monkeypatch.setattr("time.sleep", lambda _: None)
    hub.add("org/private", {"config.json": b"{}"}, private=True)
    hub.add("org/name", {"config.json": b"{}"})
    hub.add("org/broken", {"config.json": b"{", WEIGHTS: b"12345678"})
    work = bench.root
    (work / "recipe.json").write_text(EDITS.to_json())
    if where == "environment":
        monkeypatch.setenv("HF_TOKEN", token)
    monkeypatch.chdir(work)
    command = [*arguments.split(), *(["--token", token] if where == "command line" else [])]
    result = CliRunner().invoke(app, command)
    assert result.exit_code or arguments == "inspect base" or arguments.startswith("audit base")
    assert isinstance(result.exception, SystemExit | None), result.exception
    assert token not in result.output
    assert TOKEN not in result.output
    for path in tmp_path.rglob("*"):
        if path.is_file():
            assert token.encode() not in path.read_bytes(), path
