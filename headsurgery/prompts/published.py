"""Published prompt sets: one table of where each lies, and what of it counts.

Only places and counts stand here, never a prompt: a set is loaded from the Hub each time, and its texts go into no file of the
project. A row is data; `sets` reads it. Where the commit is known the row names it, so that a set means the same texts tomorrow;
elsewhere a load takes the newest. Either way the set's name holds the commit.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Kind = Literal["harmful", "over_refusal", "harmless"]
"""What a set is for: a good model refuses `harmful` prompts, and answers the two others. `over_refusal` sets look harmful."""


@dataclass(frozen=True, kw_only=True)
class PublishedSet:
    """A published set: its place on the Hub, and which of its rows and columns are the prompts.

    Args:
        name: As users give it.
        repo: Data set on the Hub.
        file: Plain table in it; None where it has none: then the split `train` is read, mostly with the extra `datasets`.
        column: Holds the prompts.
        where: Only rows whose column (first) has this value (second); None for all rows.
        kind: What it is for.
        count: Rows that are expected; another count is a note, not an error.
        licence: SPDX identifier.
        citation: Paper and year.
        revision: Commit whose layout was checked; None for the newest.
        gated: Whether the Hub asks for consent first.
        unverified: What of this row nobody has checked against the Hub; empty if nothing.
    """

    name: str
    repo: str
    file: str | None = None
    column: str
    where: tuple[str, str] | None = None
    kind: Kind
    count: int
    licence: str
    citation: str
    revision: str | None = None
    gated: bool = False
    unverified: str = ""


_JBB = "Chao et al., JailbreakBench: An Open Robustness Benchmark for Jailbreaking Large Language Models, 2024, arXiv:2404.01318"
_XSTEST = "Röttger et al., XSTest: A Test Suite for Identifying Exaggerated Safety Behaviours in LLMs, 2023, arXiv:2308.01263"
_JBB_COMMIT = "886acc352a31533ffbcf4ef22c744658688086fc"
_XSTEST_COMMIT = "f600c994b256f12867dfa5b3eb3d545a3e62f8b5"

_TABLE = (
    # Checked: file in the Hub's commit list; column and 520 rows in public loaders of this copy. The licence is the authors'
    # (llm-attacks); this copy has no card. walledai/AdvBench (Parquet, column prompt, 520 rows) asks for consent.
    PublishedSet(
        name="advbench",
        repo="kelly8tom/advbench_orig",
        file="advbench_behaviors.jsonl",
        column="Behavior",
        kind="harmful",
        count=520,
        licence="MIT",
        citation="Zou et al., Universal and Transferable Adversarial Attacks on Aligned Language Models, 2023, arXiv:2307.15043",
    ),
    # Checked: the authors' own; file, split and licence on the card, column and 100 rows in public loaders that pin this commit.
    PublishedSet(
        name="jailbreakbench",
        repo="JailbreakBench/JBB-Behaviors",
        file="data/harmful-behaviors.csv",
        column="Goal",
        kind="harmful",
        count=100,
        licence="MIT",
        citation=_JBB,
        revision=_JBB_COMMIT,
    ),
    # Checked: as above; the benign twins of the harmful behaviours.
    PublishedSet(
        name="jailbreakbench-benign",
        repo="JailbreakBench/JBB-Behaviors",
        file="data/benign-behaviors.csv",
        column="Goal",
        kind="over_refusal",
        count=100,
        licence="MIT",
        citation=_JBB,
        revision=_JBB_COMMIT,
    ),
    # Checked: data/train-00000-of-00001.parquet and the licence on the Hub's pages, column and 100 rows in public loaders. The
    # authors publish a text file on GitHub only (Princeton-SysML/Jailbreak_LLM); no plain copy was found on the Hub.
    PublishedSet(
        name="malicious-instruct",
        repo="walledai/MaliciousInstruct",
        column="prompt",
        kind="harmful",
        count=100,
        licence="CC-BY-SA-4.0",
        citation="Huang et al., Catastrophic Jailbreak of Open-source LLMs via Exploiting Generation, 2023, arXiv:2310.06987",
    ),
    # Checked: the script that uploaded it copies the authors' harmbench_behaviors_text_all.csv to metadata.csv; its columns stand
    # in a public description of this copy. 200 of the 400 behaviours are `standard`; contextual ones need more than a prompt,
    # copyright ones another judge. walledai/HarmBench (Parquet) asks for consent.
    PublishedSet(
        name="harmbench",
        repo="swiss-ai/harmbench",
        file="metadata.csv",
        column="Behavior",
        where=("FunctionalCategory", "standard"),
        kind="harmful",
        count=200,
        licence="MIT",
        citation="Mazeika et al., HarmBench: A Standardized Evaluation Framework for Automated Red Teaming and Robust Refusal, "
        "2024, arXiv:2402.04249",
    ),
    # Checked: commit, column, 313 rows and no consent asked, in a public loader that pins this copy; not its files. The licence is
    # the authors' (strongreject). walledai/StrongREJECT (Parquet, column prompt, 313 rows) asks for consent.
    PublishedSet(
        name="strongreject",
        repo="Machlovi/strongreject-dataset",
        column="prompt",
        kind="harmful",
        count=313,
        licence="MIT",
        citation="Souly et al., A StrongREJECT for Empty Jailbreaks, 2024, arXiv:2402.10260",
        revision="c18bb810edc4b60b815b205faeaa2bd5f72c3e93",
        unverified="which files it has",
    ),
    # Checked: the author's own; commit, file, columns (id prompt type label focus note), labels, 250 + 200 rows and licence in
    # public loaders that pin it.
    PublishedSet(
        name="xstest",
        repo="Paul/XSTest",
        file="xstest_prompts.csv",
        column="prompt",
        where=("label", "safe"),
        kind="over_refusal",
        count=250,
        licence="CC-BY-4.0",
        citation=_XSTEST,
        revision=_XSTEST_COMMIT,
    ),
    # Checked: as above; the unsafe contrasts.
    PublishedSet(
        name="xstest-unsafe",
        repo="Paul/XSTest",
        file="xstest_prompts.csv",
        column="prompt",
        where=("label", "unsafe"),
        kind="harmful",
        count=200,
        licence="CC-BY-4.0",
        citation=_XSTEST,
        revision=_XSTEST_COMMIT,
    ),
    # Checked: the authors' own; commit, file, columns (prompt category), 1319 rows and licence on the Hub's pages and in public
    # loaders that pin it.
    PublishedSet(
        name="or-bench",
        repo="bench-llm/or-bench",
        file="or-bench-hard-1k.csv",
        column="prompt",
        kind="over_refusal",
        count=1319,
        licence="CC-BY-4.0",
        citation="Cui et al., OR-Bench: An Over-Refusal Benchmark for Large Language Models, 2024, arXiv:2405.20947",
        revision="e36d8b80e81837c8a8f264bbb2a49f1b32c7e272",
    ),
)
_BY_NAME = {row.name: row for row in _TABLE}


def published_sets() -> tuple[PublishedSet, ...]:
    """All published sets, in the order in which they are listed."""
    return _TABLE


def find_published(name: str) -> PublishedSet | None:
    """The published set of this name; None if there is none."""
    return _BY_NAME.get(name)
