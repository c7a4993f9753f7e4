"""The table of docs/gguf.md, from plans of tiny files of every type. Write it anew: python -m tests.gguf_table."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterator
from pathlib import Path

from headsurgery.errors import SurgeryError
from headsurgery.recipe import HeadEdit, Recipe
from headsurgery.storage.checkpoint import open_checkpoint
from headsurgery.surgery.plan import plan_surgery
from tests.gguf_files import CODEBOOKS, HEADS, READABLE, Tiny, save_gguf

PAGE = Path(__file__).parent.parent / "docs/gguf.md"
BLOCK = re.compile(r"(<!-- table -->\n).*?(<!-- end -->)", re.DOTALL)
FACTORS = {"0": 0.0, "0.5": 0.5, "0.7": 0.7, "-1": -1.0}
TYPES = (*READABLE, *CODEBOOKS)

Cells = tuple[str, ...]


def make_cells() -> dict[str, dict[str, Cells]]:
    """What becomes of each factor: by type, and by operation and width of a head."""
    with tempfile.TemporaryDirectory() as folder:
        return {dtype: dict(_cells_of(dtype, Path(folder))) for dtype in TYPES}


def _cells_of(dtype: str, folder: Path) -> Iterator[tuple[str, Cells]]:
    for head_dim in HEADS:
        path = save_gguf(folder / f"{dtype}-{head_dim}.gguf", Tiny(dtype=dtype, head_dim=head_dim, layers=1))
        yield f"columns of a head of {head_dim}", tuple(_say(path, "scale", factor) for factor in FACTORS.values())
    yield "rows", tuple(_say(path, "uniform_attention", factor) for factor in FACTORS.values())


def _say(path: Path, operation: str, factor: float) -> str:
    edit = HeadEdit.model_validate({"layer": 0, "head": 1, "operation": operation, "factor": factor})
    try:
        found = plan_surgery(Recipe(edits=(edit,)), open_checkpoint(path)).edits[0].exactness
    except SurgeryError:
        return "refused"
    assert found is not None
    return found.level


def make_table(cells: dict[str, dict[str, Cells]]) -> str:
    """The table in Markdown. Places of a type with equal cells share a row."""
    lines = [f"| type | what is edited | {' | '.join(f'× {factor}' for factor in FACTORS)} |", f"|{'---|' * (2 + len(FACTORS))}"]
    for dtype, places in cells.items():
        rows: dict[Cells, list[str]] = {}
        for place, found in places.items():
            rows.setdefault(found, []).append(place)
        lines += [f"| `{dtype}` | {_join(names)} | {' | '.join(found)} |" for found, names in rows.items()]
    return "\n".join(lines) + "\n"


def _join(places: list[str]) -> str:
    """`columns of a head of 64 or 256; rows`."""
    widths = [place.rpartition(" ")[2] for place in places if place != "rows"]
    said = [f"columns of a head of {', '.join(widths)}"] if widths else []
    if len(widths) == len(HEADS):
        said = ["columns of any head"]
    return "; ".join([*said, *(["rows"] if "rows" in places else [])])


def with_table(text: str, cells: dict[str, dict[str, Cells]]) -> str:
    """The page with the table as it is now."""
    return BLOCK.sub(lambda place: f"{place[1]}{make_table(cells)}{place[2]}", text)


if __name__ == "__main__":
    PAGE.write_text(with_table(PAGE.read_text(), make_cells()))
