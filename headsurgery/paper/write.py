"""An experiment's report: a table for people, Markdown and JSON.

`headers` and `cells` are what the terminal shows, too. Each file is replaced whole or not at all.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from headsurgery.behaviour.figures import Interval, Rate
from headsurgery.documents.atomic import write_atomically
from headsurgery.errors import HeadSurgeryError
from headsurgery.paper.counting import value_of
from headsurgery.paper.records import ExperimentReport, Figure, ResultRow
from headsurgery.paper.settings import Quantity
from headsurgery.report.wording import say_p, say_percent, say_rate

_MOST_ROWS = 50


def write_experiment(report: ExperimentReport, out: Path) -> None:
    """Write `report.md` and `report.json`.

    Raises:
        HeadSurgeryError: They can't be written.
    """
    try:
        out.mkdir(parents=True, exist_ok=True)
        write_atomically(out / "report.md", render_markdown(report).encode())
        write_atomically(out / "report.json", f"{report.model_dump_json(by_alias=True, indent=2)}\n".encode())
    except OSError as error:
        raise HeadSurgeryError(f"{out}: can't write the report: {error.strerror}", hint="choose another folder with -o") from error


def render_markdown(report: ExperimentReport) -> str:
    """The report for people."""
    settings, (headers, rows) = report.settings, tabulate(report)
    table = [headers, ["---"] * len(headers), *rows]
    lines = [f"# {settings.name}: {settings.title}", "", f"The paper: {settings.finding}", "", *say_facts(report), ""]
    lines += ["| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |" for cells in table]
    lines += ["", *(f"- {note}" for note in say_notes(report))]
    return "\n".join(lines) + "\n"


def say_facts(report: ExperimentReport) -> list[str]:
    """Model, sets and settings, ours and the paper's."""
    settings, decoding = report.settings, report.decoding
    revision = f"@{report.revision}" if report.revision else ""
    other = f", with {report.other_model}" if report.other_model else ""
    sets = ", ".join(f"{entry.record.name} ({entry.record.count})" for entry in report.sets)
    lines = [f"Model: {report.model}{revision}{other} (the paper's: {settings.model}). Sets: {sets}."]
    if decoding is not None:
        prefill = f", answers begin with {decoding.prefill!r}" if decoding.prefill else ""
        limit = f"at most {decoding.max_new_tokens} new tokens"
        lines.append(f"Greedy decoding, {limit}, template {decoding.template}{prefill}, {decoding.dtype}.")
    return lines


def say_notes(report: ExperimentReport) -> list[str]:
    """What the reader should know."""
    shown = len(_shown(report))
    more = [f"{len(report.rows) - shown} more rows are in report.json"] if shown < len(report.rows) else []
    unstated = [report.settings.open] if report.settings.open else []
    return [*more, *unstated, *report.notes]


_Column = tuple[str, Callable[[ResultRow], str]]


def tabulate(report: ExperimentReport) -> tuple[list[str], list[list[str]]]:
    """Headers, and a line of cells per row; a column that is empty throughout is left out."""
    rows = _shown(report)
    keys = list(dict.fromkeys(key for row in rows for key in row.setting))
    columns: list[_Column] = [(key, lambda row, key=key: str(row.setting.get(key, ""))) for key in keys]  # type: ignore[misc]
    columns += [
        ("quantity", lambda row: row.quantity),
        ("ours [95 %]", lambda row: _say(row.ours, row.quantity)),
        ("paper", lambda row: _say(row.paper, row.quantity)),
        ("judge keyword", lambda row: _say(row.keyword, row.quantity)),
        ("ASR", lambda row: say_rate(row.asr) if row.asr else ""),
        ("by chance", lambda row: "" if row.expected is None else f"{row.expected:.2g}"),
        ("p", lambda row: "" if row.p_value is None else say_p(row.p_value).removeprefix("p ").removeprefix("= ")),
        ("degenerate", lambda row: say_rate(row.degenerate) if row.degenerate else ""),
        ("which", lambda row: " ".join(row.heads)),
    ]
    found = [(name, [cell(row) for row in rows]) for name, cell in columns]
    filled = [(name, cells) for name, cells in found if any(cells) or name == "paper"]
    return [name for name, _ in filled], [list(line) for line in zip(*(cells for _, cells in filled), strict=True)]


def _shown(report: ExperimentReport) -> list[ResultRow]:
    """All rows; of a row for every head, those with the highest figures, after the untouched model's."""
    if len(report.rows) <= _MOST_ROWS or not any("head" in row.setting for row in report.rows):
        return list(report.rows)
    first = [row for row in report.rows if "head" not in row.setting]
    heads = sorted((row for row in report.rows if "head" in row.setting), key=lambda row: -value_of(row.ours))
    return first + heads[: _MOST_ROWS - len(first)]


def _say(figure: Figure | None, quantity: Quantity) -> str:
    if figure is None:
        return ""
    if isinstance(figure, Rate):
        return say_rate(figure)
    if quantity == "change in ASR":
        numbers = (figure.value, figure.low, figure.high) if isinstance(figure, Interval) else (figure,)
        value, *ends = (f"{number * 100:+.0f}" for number in numbers)
        return f"{value} points" + (f" [{', '.join(ends)}]" if ends else "")
    number = value_of(figure)
    if quantity == "heads in common":
        return f"{number:.0f}"
    return say_percent(number) if quantity == "ASR" else f"{number * 100:.2g} %"
