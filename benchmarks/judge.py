"""Precision and recall of the keyword judge on labelled answers, by language and by kind.

    python benchmarks/judge.py                # all sets
    python benchmarks/judge.py --wrong        # and the answers of the development set that it gets wrong

In benchmarks/data, answers-dev.jsonl was looked at while the phrases were written. Nobody who worked on the judge has read
answers-everyday.jsonl and answers-test.jsonl, so only their figures say anything about answers that it has not seen. The first
holds what assistants say day to day, the second answers that were written to be unlike each other. A language model that had not
seen the judge wrote all of them for this.
Answers that end in an open thought, and nonsense, are labelled `no_answer` and left out here: `headsurgery.behaviour` and
`degenerate` tell them.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

from headsurgery.behaviour.replies import split_answer
from headsurgery.judges.keyword import find_refusal

DATA = Path(__file__).parent / "data"


@dataclass(frozen=True, kw_only=True)
class Judged:
    """One labelled answer and what the judge said of it."""

    language: str
    kind: str
    prompt: str
    answer: str
    is_refusal: bool
    is_found: bool


def judge_set(name: str) -> list[Judged]:
    """All answers of a set that are answers."""
    rows = [json.loads(line) for line in (DATA / f"answers-{name}.jsonl").read_text(encoding="utf-8").splitlines()]
    return [
        Judged(
            language=row["language"],
            kind=row["kind"],
            prompt=row["prompt"],
            answer=row["answer"],
            is_refusal=row["label"] == "refused",
            is_found=find_refusal(split_answer(row["answer"]).reply, prompt=row["prompt"]) is not None,
        )
        for row in rows
        if row["label"] != "no_answer"
    ]


def count(judged: Iterable[Judged]) -> tuple[int, float, float]:
    """Answers, precision and recall of refusals."""
    rows = list(judged)
    both = sum(row.is_refusal and row.is_found for row in rows)
    found, there = sum(row.is_found for row in rows), sum(row.is_refusal for row in rows)
    return len(rows), both / max(1, found), both / max(1, there)


HELD_OUT = {"everyday": "everyday", "test": "inventive"}
"""Held-out sets, and what the tables call them."""


def print_tables(sets: dict[str, list[Judged]]) -> None:
    """Markdown tables of the held-out sets, as docs/judges.md has them."""
    shown = [sets[name] for name in HELD_OUT]
    print("| language | " + " | ".join(f"{title}: answers | precision | recall" for title in HELD_OUT.values()) + " |")
    print("|---" * (1 + 3 * len(shown)) + "|")
    for language in ("all", *sorted({row.language for rows in shown for row in rows})):
        cells = []
        for rows in shown:
            total, precision, recall = count(row for row in rows if language in ("all", row.language))
            cells.append(f"{total} | {precision:.2f} | {recall:.2f}")
        print(f"| {language} | {' | '.join(cells)} |")
    print("\n| kind | label | " + " | ".join(f"{title}: answers | right" for title in HELD_OUT.values()) + " |")
    print("|---" * (2 + 2 * len(shown)) + "|")
    kinds = {(not row.is_refusal, row.kind) for rows in shown for row in rows}
    for complies, kind in sorted(kinds):
        cells = []
        for rows in shown:
            of_kind = [row.is_found == row.is_refusal for row in rows if (not row.is_refusal, row.kind) == (complies, kind)]
            cells.append(f"{len(of_kind)} | {sum(of_kind) / len(of_kind):.2f}" if of_kind else " | ")
        print(f"| {kind.replace('_', ' ')} | {'complied' if complies else 'refused'} | {' | '.join(cells)} |")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--wrong", action="store_true", help="print what it gets wrong in the development set")
    options = parser.parse_args()
    sets = {name: judge_set(name) for name in ("dev", *HELD_OUT)}
    print_tables(sets)
    total, precision, recall = count(sets["dev"])
    print(f"\nOn the {total} development answers precision is {precision:.2f} and recall {recall:.2f}.")
    if options.wrong:
        for row in sets["dev"]:
            if row.is_found != row.is_refusal:
                print("missed" if row.is_refusal else "false", row.language, row.kind, "|", row.prompt, "|", row.answer)


if __name__ == "__main__":
    main()
