"""The table of docs/formats.md, from plans of real tiny checkpoints. Write it anew: python -m tests.format_table."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterator
from pathlib import Path

import torch

from headsurgery.recipe import HeadEdit, Recipe
from headsurgery.storage.checkpoint import open_checkpoint
from headsurgery.storage.codecs import Exactness
from headsurgery.surgery.plan import plan_surgery
from tests.fp8 import LAYOUTS, save_fp8
from tests.tiny import save_model

PAGE = Path(__file__).parent.parent / "docs/formats.md"
BLOCK = re.compile(r"(<!-- table -->\n).*?(<!-- end -->)", re.DOTALL)
FACTORS = {"0": 0.0, "a power of two": 0.5, "another factor": 0.7, "-1": -1.0}
PLAIN = {
    "`F64`": torch.float64,
    "`F32`": torch.float32,
    "`F16`": torch.float16,
    "`BF16`": torch.bfloat16,
}
SCALED = {
    "FP8, one scale for the tensor": "tensor",
    "FP8, a scale for each row": "rows",
    "FP8, blocks; the head has its own": "blocks of a head",
    "FP8, blocks; the head shares them": "blocks of two heads",
    "FP8, blocks with `F8_E8M0` scales; the head has its own": "blocks, powers of two",
}


def make_table() -> str:
    """The table in Markdown."""
    lines = [f"| stored as | operation | {' | '.join(f'× {factor}' for factor in FACTORS)} |", f"|{'---|' * (2 + len(FACTORS))}"]
    with tempfile.TemporaryDirectory() as folder:
        for name, path in _checkpoints(Path(folder)):
            for operation in ("scale", "uniform_attention"):
                cells = [_say(path, operation, factor) for factor in FACTORS.values()]
                lines.append(f"| {name} | `{operation}` | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def _checkpoints(folder: Path) -> Iterator[tuple[str, Path]]:
    for number, (name, dtype) in enumerate(PLAIN.items()):
        yield name, save_model("llama", folder / f"plain-{number}", dtype=dtype)
    for number, (name, layout) in enumerate(SCALED.items()):
        yield name, save_fp8("llama", folder / f"scaled-{number}", LAYOUTS[layout])


def _say(path: Path, operation: str, factor: float) -> str:
    edit = HeadEdit.model_validate({"layer": 1, "head": 3, "operation": operation, "factor": factor})
    found = plan_surgery(Recipe(edits=(edit,)), open_checkpoint(path)).edits[0].exactness
    assert isinstance(found, Exactness)
    return found.level if found.of == "values" else f"{found.level} (scales)"


def with_table(text: str) -> str:
    """The page with the table as it is now."""
    return BLOCK.sub(lambda place: f"{place[1]}{make_table()}{place[2]}", text)


if __name__ == "__main__":
    PAGE.write_text(with_table(PAGE.read_text()))
