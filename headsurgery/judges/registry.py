"""The kinds of judges, and a judge by its spec. A new kind is one file and one line in `_OURS`.

Packages of others add kinds through the entry point group `headsurgery.judges`; each entry names a `JudgeKind`.
"""

from __future__ import annotations

from functools import cache
from importlib.metadata import entry_points

from headsurgery.errors import UsageError
from headsurgery.judges import keyword, paper, rubric
from headsurgery.judges.models import MODELS
from headsurgery.judges.protocol import Judge, JudgeKind, JudgeResources

ENTRY_POINTS = "headsurgery.judges"


def _check_classifier(argument: str, resources: JudgeResources) -> None:
    from headsurgery.judges.classifier import fetch_classifier

    fetch_classifier(argument, token=resources.token)


def _load_classifier(argument: str, resources: JudgeResources) -> Judge:
    from headsurgery.judges.classifier import load_classifier

    return load_classifier(argument, resources)


CLASSIFIER = JudgeKind(  # declared here, because its own module loads torch
    name="classifier",
    forms=(*(f"classifier:{model.name}" for model in MODELS), "classifier:NAME=MODEL"),
    load=_load_classifier,
    check=_check_classifier,
    takes_argument=True,
    loads_model=True,
)

_OURS = (keyword.KIND, *paper.KINDS, CLASSIFIER, rubric.KIND)


@cache
def judge_kinds() -> dict[str, JudgeKind]:
    """All kinds by name: ours, and those of installed packages.

    Raises:
        UsageError: A package's entry point can't be loaded, names no `JudgeKind`, or takes a name that is ours.
    """
    kinds = {kind.name: kind for kind in _OURS}
    for entry in entry_points(group=ENTRY_POINTS):
        where = f"entry point {entry.name!r} of {entry.dist.name if entry.dist else 'a package'} in {ENTRY_POINTS}"
        try:
            kind = entry.load()
        except Exception as error:
            raise UsageError(f"{where}: can't be loaded: {error}", hint="repair or uninstall that package") from error
        if not isinstance(kind, JudgeKind):
            raise UsageError(f"{where}: is a {type(kind).__name__}, expected a JudgeKind", hint="repair or uninstall that package")
        if kind.name in kinds:
            raise UsageError(f"{where}: {kind.name!r} is the name of another judge", hint="repair or uninstall that package")
        kinds[kind.name] = kind
    return kinds


def find_kind(spec: str) -> tuple[JudgeKind, str]:
    """The kind that a spec names, and what stands behind the colon.

    Raises:
        UsageError: There is no such judge.
    """
    name, _, argument = spec.partition(":")
    kind = judge_kinds().get(name)
    if kind is None or kind.takes_argument != bool(argument):
        forms = ", ".join(form for one in judge_kinds().values() for form in one.forms)
        raise UsageError(f"judge {spec!r}: not known; expected {forms}")
    return kind, argument


def check_judge(spec: str, resources: JudgeResources | None = None) -> None:
    """Make sure that a judge can be loaded later; a classifier is fetched now, but not loaded.

    Args:
        spec: See `load_judge`.
        resources: What it may use.

    Raises:
        UsageError: No such judge, or a server's URL is missing.
        CheckpointError, HubError: A classifier can't be found or fetched.
    """
    kind, argument = find_kind(spec)
    kind.check(argument, resources or JudgeResources())


def load_judge(spec: str, resources: JudgeResources | None = None) -> Judge:
    """Make a judge.

    Args:
        spec: `keyword`, `paper`, `paper-reference`, `classifier:NAME` (a known judge model, its Hub id, or a directory of a
            sequence classifier), `classifier:NAME=MODEL`, `endpoint:MODEL`, or what an installed package adds.
        resources: What it may use.

    Raises:
        UsageError: No such judge, or a server's URL is missing.
        CheckpointError, HubError, ModelError: A classifier can't be found or loaded.
    """
    kind, argument = find_kind(spec)
    return kind.load(argument, resources or JudgeResources())
