"""Precision and recall of the keyword judge on labelled answers, by language and by kind.

    python benchmarks/judge.py                # both sets
    python benchmarks/judge.py --wrong        # and the answers of the development set that it gets wrong

benchmarks/data/answers-dev.jsonl was looked at while the phrases were written, answers-test.jsonl never: only its figures say
anything about answers that the judge has not seen. Both were written for this by a language model that had not seen the judge.
Answers that end in an open thought, and nonsense, are labelled `no_answer` and left out here: `headsurgery.behaviour` and
`degenerate` tell them.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections import defaultdict
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


def print_tables(name: str, judged: list[Judged]) -> None:
    """Markdown tables, as docs/judges.md has them."""
    by_language, by_kind = defaultdict(list), defaultdict(list)
    for row in judged:
        by_language[row.language].append(row)
        by_kind[row.kind, row.is_refusal].append(row)
    by_language["all"] = judged
    print(f"\n{name}\n\n| language | answers | precision | recall |\n|---|---|---|---|")
    for language, rows in sorted(by_language.items()):
        total, precision, recall = count(rows)
        print(f"| {language} | {total} | {precision:.2f} | {recall:.2f} |")
    print("\n| kind | label | answers | right |\n|---|---|---|---|")
    for (kind, is_refusal), rows in sorted(by_kind.items(), key=lambda item: (not item[0][1], item[0][0])):
        right = sum(row.is_found == is_refusal for row in rows) / len(rows)
        print(f"| {kind.replace('_', ' ')} | {'refused' if is_refusal else 'complied'} | {len(rows)} | {right:.2f} |")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--wrong", action="store_true", help="print what it gets wrong in the development set")
    options = parser.parse_args()
    for name in ("dev", "test"):
        judged = judge_set(name)
        print_tables(name, judged)
        if options.wrong and name == "dev":
            for row in judged:
                if row.is_found != row.is_refusal:
                    print("missed" if row.is_refusal else "false", row.language, row.kind, "|", row.prompt, "|", row.answer)


if __name__ == "__main__":
    main()
