"""Exit codes of every command: 0 done; 1 refused or failed; 2 usage or an invalid recipe. One line each, never a traceback."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from headsurgery.cli import VERBS, app
from tests.directories import recipe_of
from tests.tiny import save_model

FAILED = """
inspect nowhere
inspect empty
apply r.json nowhere -o out
apply r.json empty -o out
apply r.json base -o base
diff base nowhere
diff nowhere base
diff base edited
verify nowhere
verify base
verify empty
verify edited --base nowhere
restore nowhere -o out
restore base -o out
evaluate nowhere
evaluate r.json --base nowhere
evaluate base --prompts nowhere.txt
evaluate base --prompts builtin:x
evaluate base --prompts broken.csv
attribute nowhere --prompts builtin:decline
attribute base --prompts nowhere.txt
attribute base --prompts builtin:x
audit nowhere
audit base --base nowhere
compare r.json nowhere.safetensors
experiment table-3 nowhere --set builtin:decline
experiment table-3 base --set nowhere.txt
card nowhere
card base
card edited --scores nowhere
push nowhere org/x --dry-run
push base org/x --dry-run
demo --model nowhere
"""
USAGE = """
reproduce missing.json
inspect
inspect base --revision x
inspect base --magic
apply nowhere.json base -o out
apply bad.json base -o out
apply schema.json base -o out
apply far.json base -o out
apply r.json base
apply r.json base -o out --link magic
apply empty base -o out
diff base
diff base base --recipe nowhere.json
diff base base --recipe bad.json
verify
restore edited
evaluate
evaluate bad.json
evaluate base --judge magic
evaluate base --max-new-tokens 0
evaluate base --decoding magic
evaluate base --batch-size x
evaluate base --random-draws -1
evaluate base --limit 0
evaluate --endpoint magic
attribute base
attribute base --prompts builtin:decline --top 0
attribute base --prompts builtin:decline --limit 0
attribute base --prompts builtin:decline --dtype magic
attribute base --prompts builtin:decline --device magic
attribute base --prompts builtin:decline --method magic
attribute base --prompts builtin:decline --max-memory x
audit base --blind --base base
compare r.json
compare r.json nowhere.json
compare r.json bad.json
compare r.json r.json --top 0
experiment magic base
experiment table-3
experiment figure-5 base --heads-limit 3
card edited --report nowhere
card edited --report bad.json
push edited nope --dry-run
architectures --magic
demo --magic
demo --prompts builtin:decline
magic
"""
DONE = """
inspect base
apply r.json base -o again
apply r.json base --dry-run
diff base base
diff base edited --recipe r.json
verify edited
audit base --blind
compare r.json r.json
card edited
architectures
architectures magic
experiment --list
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("exit")
    save_model("llama", folder / "base")
    (folder / "empty").mkdir()
    for name, text in (
        ("r.json", recipe_of((0, 1, "scale", 0.0)).to_json()),
        ("far.json", recipe_of((99, 1, "scale", 0.0)).to_json()),
        ("bad.json", "{"),
        ("schema.json", '{"schema": "x"}'),
        ("broken.csv", "prompt,kind\na,b,c\n"),
    ):
        (folder / name).write_text(text)
    arguments = ["apply", str(folder / "r.json"), str(folder / "base"), "-o", str(folder / "edited")]
    assert CliRunner().invoke(app, arguments).exit_code == 0
    return folder


@pytest.fixture(autouse=True)
def here(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    monkeypatch.delenv("HF_TOKEN", raising=False)


def cases() -> list[tuple[str, int]]:
    return [(line, code) for code, lines in enumerate((DONE, FAILED, USAGE)) for line in lines.strip().splitlines()]


def test_the_exit_code(subtests: pytest.Subtests) -> None:
    for line, code in cases():
        with subtests.test(line=line, code=code):
            result = CliRunner().invoke(app, line.split())
            assert result.exit_code == code, (result.stdout, result.stderr)
            assert result.exception is None or isinstance(result.exception, SystemExit)
            if code and not line.startswith("diff base edited"):
                errors = [said for said in result.stderr.splitlines() if said.lower().startswith("error: ")]
                assert len(errors) == 1


def test_every_command_is_tried() -> None:
    assert {line.split()[0] for line, code in cases() if code} >= set(VERBS)
