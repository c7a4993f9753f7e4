"""The tables of docs/formats.md and docs/quantized.md, from plans of real tiny checkpoints.

Write them anew: python -m tests.format_table.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import torch

from headsurgery.errors import SurgeryError
from headsurgery.recipe import HeadEdit, Recipe
from headsurgery.storage.checkpoint import open_checkpoint
from headsurgery.storage.codecs import Exactness
from headsurgery.surgery.plan import plan_surgery
from tests.fp8 import LAYOUTS, save_fp8
from tests.quantized import FORMS, save_quantized
from tests.tiny import save_model

DOCS = Path(__file__).parent.parent / "docs"
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


def floats(folder: Path) -> Iterator[tuple[str, Path]]:
    """What docs/formats.md is about."""
    for number, (name, dtype) in enumerate(PLAIN.items()):
        yield name, save_model("llama", folder / f"plain-{number}", dtype=dtype)
    for number, (name, layout) in enumerate(SCALED.items()):
        yield name, save_fp8("llama", folder / f"scaled-{number}", LAYOUTS[layout])


def quantized(folder: Path) -> Iterator[tuple[str, Path]]:
    """What docs/quantized.md says of safetensors."""
    for number, name in enumerate(name for name in FORMS if not re.search(r"[2356] bits|symmetric", name)):
        yield name, save_quantized("llama", folder / str(number), FORMS[name])


TABLES: dict[str, tuple[str, Callable[[Path], Iterator[tuple[str, Path]]]]] = {
    "formats.md": ("<!-- table -->\n", floats),
    "quantized.md": ("<!-- table: safetensors -->\n", quantized),
}
"""By page: the line above its table, and the checkpoints."""


def make_rows(page: str) -> list[list[str]]:
    """Format, operation, and what becomes of each factor."""
    with tempfile.TemporaryDirectory() as folder:
        return [
            [name, f"`{operation}`", *(_say(path, operation, factor) for factor in FACTORS.values())]
            for name, path in TABLES[page][1](Path(folder))
            for operation in ("scale", "uniform_attention")
        ]


def with_table(page: str) -> str:
    """A page with its table as it is now."""
    head = ["stored as", "operation", *(f"× {factor}" for factor in FACTORS)]
    rows = [" | ".join(row) for row in [head, *make_rows(page)]]
    table = "\n".join([f"| {rows[0]} |", f"|{'---|' * len(head)}", *(f"| {row} |" for row in rows[1:])]) + "\n"
    above = TABLES[page][0]
    block = re.compile(rf"({re.escape(above)}).*?(<!-- end -->)", re.DOTALL)
    return block.sub(lambda place: f"{place[1]}{table}{place[2]}", (DOCS / page).read_text())


def _say(path: Path, operation: str, factor: float) -> str:
    edit = HeadEdit.model_validate({"layer": 1, "head": 3, "operation": operation, "factor": factor})
    try:
        found = plan_surgery(Recipe(edits=(edit,)), open_checkpoint(path)).edits[0].exactness
    except SurgeryError:
        return "refused"
    assert isinstance(found, Exactness)
    return found.level if found.of == "values" else f"{found.level} (scales)"


if __name__ == "__main__":
    for page in TABLES:
        (DOCS / page).write_text(with_table(page))
