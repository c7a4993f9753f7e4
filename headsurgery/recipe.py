"""The recipe: which heads, which operation, which factor, and where the numbers came from.

A recipe is intent. It names no path of anyone's machine and nothing about bytes; `surgery.plan` resolves it against one
checkpoint. The JSON is strict and versioned: what is not understood is refused with its place, never ignored.
"""

from __future__ import annotations

import json
import re
import reprlib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from headsurgery.attribution.methods import UNITS, Unit, load_method
from headsurgery.documents.atomic import write_atomically
from headsurgery.documents.strict_json import parse_object, quote
from headsurgery.edits.operations import OPERATIONS, OperationName
from headsurgery.errors import RecipeError
from headsurgery.heads import AttentionGeometry, HeadRef

if TYPE_CHECKING:
    from headsurgery.surgery.manifest import Manifest

RECIPE_SCHEMA: Literal["headsurgery.recipe/1"] = "headsurgery.recipe/1"

MAX_RECIPE_BYTES = 16 * 2**20
_MAX_EDITS = 2**16
"""Twice what the largest published models have heads."""
_MOST = 2**31

_HEAD_KEY = re.compile(r"\d{1,9}-\d{1,9}|L\d{1,9}H\d{1,9}", re.ASCII)
_REFERENCE_MASKS: Mapping[str, OperationName] = {"q": "uniform_attention", "k": "uniform_attention", "v": "scale"}

_FOUND_BY = ("manual", *UNITS)
if TYPE_CHECKING:
    FoundBy = str
else:  # a closed set
    FoundBy = Literal[_FOUND_BY]

Count = Annotated[int, Field(ge=0, lt=2**20)]
PerLayer = Count | list[Count | None] | None
"""One number for all layers, or one per layer (null: a layer without heads), or null: unknown."""


class Strict(BaseModel):
    """Base of all our documents: unknown keys, loose types and numbers that are not finite are refused."""

    model_config = ConfigDict(
        extra="forbid", strict=True, frozen=True, allow_inf_nan=False, populate_by_name=True, protected_namespaces=()
    )

    def __repr__(self) -> str:
        """Fields that were set, on one line. Long values are cut, lists and mappings counted."""
        given = ((name, getattr(self, name)) for name in type(self).model_fields if name in self.model_fields_set)
        return f"{type(self).__name__}({', '.join(f'{name}={_brief(value)}' for name, value in given if value is not None)})"

    __str__ = __repr__


def _brief(value: Any) -> str:
    if isinstance(value, BaseModel):
        return f"{type(value).__name__}(...)"
    if isinstance(value, tuple | list | dict):
        return f"<{len(value)}>"
    return reprlib.repr(value)


class _Noun(Strict):
    """Base of what people build in Python, too: `HeadEdit(...)` raises our error instead of pydantic's."""

    if not TYPE_CHECKING:  # a type checker takes the signature from the fields

        def __init__(self, /, **fields: Any) -> None:
            """Build it.

            Raises:
                RecipeError: A field that is missing, unknown or has a wrong value.
            """
            try:
                super().__init__(**fields)
            except ValidationError as error:
                raise RecipeError(f"{type(self).__name__}: {first_problem(error)}") from error

        __init__.__pydantic_base_init__ = True  # so that pydantic does not call it for what is nested in a document


class Geometry(_Noun):
    """What the recipe's author knew of the base's heads. A field that is null is not checked."""

    num_layers: Count | None = None
    num_heads: PerLayer = None
    num_kv_heads: PerLayer = None
    head_dim: PerLayer = None
    hidden_size: Count | None = None

    @classmethod
    def of(cls, geometry: AttentionGeometry) -> Geometry:
        """All five numbers of a known geometry."""
        return cls.model_validate(geometry.to_json())

    def differences(self, geometry: AttentionGeometry) -> list[str]:
        """Stated fields that the checkpoint contradicts, as `num_heads: recipe 32, checkpoint 9`."""
        found = geometry.to_json()
        stated = self.model_dump(exclude_none=True)
        return [f"{key}: recipe {value}, checkpoint {found[key]}" for key, value in stated.items() if value != found[key]]


class RecipeBase(_Noun):
    """The checkpoint that the recipe was made for. What it states must match; what it leaves out is not checked."""

    model: str | None = Field(default=None, description="Hub id, org/name/FILE.gguf, or the mere name of a local folder or file")
    revision: str | None = Field(default=None, pattern=r"^[0-9a-f]{40}$", description="commit of the Hub repository")
    model_type: str | None = None
    geometry: Geometry | None = None
    fingerprint: str | None = Field(default=None, description="see checkpoint.fingerprint")


class HeadEdit(_Noun):
    """One operation on one head."""

    layer: int = Field(ge=0, lt=_MOST)
    head: int = Field(ge=0, lt=_MOST)
    operation: OperationName = "scale"
    factor: float = Field(
        default_factory=lambda given: OPERATIONS[given.get("operation", "scale")].default_factor,
        description="0 ablates, below 1 weakens, above 1 reinforces. Default: 0; of a transplant, which multiplies nothing, 1",
        json_schema_extra={"default": 0.0},
    )

    @model_validator(mode="after")
    def _factor_means_something(self) -> HeadEdit:
        problem = OPERATIONS[self.operation].factor_problem(self.factor)
        if problem is not None:
            raise ValueError(problem)
        return self

    @property
    def ref(self) -> HeadRef:
        """The head."""
        return HeadRef(self.layer, self.head)


class PromptRecord(Strict):
    """A prompt set by name and hash; the prompts themselves are not in a recipe."""

    name: str
    count: int = Field(ge=1)
    sha256: str = Field(description="SHA-256 of the prompts, each followed by a line feed, in UTF-8")
    column: str | None = Field(default=None, description="of the table that they stood in")
    left_out: int | None = Field(default=None, description="prompts among them that don't fit into the model's context")


class HeadScore(Strict):
    """Scores of a chosen head, in the provenance's unit."""

    layer: int
    head: int
    score: float = Field(description="harmful - contrast * harmless")
    harmful: float
    harmless: float | None = None


class SearchRecord(Strict):
    """How a reinforcement's heads and factor were found. The figures are of the prompts that it was searched on."""

    factors: list[float]
    group_sizes: list[int]
    tried: int = Field(description="candidates that were asked")
    over_bound: int = Field(description="candidates that were not, because of KL or over-refusal")
    max_over_refusal: float = Field(description="share of harmless prompts, in addition to the base's")
    max_kl: float = Field(description="nats per token")
    attacks: list[str]
    base_refusal: float = Field(description="share of harmful prompts, under all attacks together")
    refusal: float
    base_over_refusal: float = Field(description="share of harmless prompts")
    over_refusal: float
    harmless_kl: float = Field(description="mean KL(base || reinforced) in nats per token")


class ScreenRecord(Strict):
    """How heads were screened before they were scored, and what a random sample of the others says; see docs/screening.md."""

    survivors: int = Field(description="heads that came through, and were scored exactly")
    screened_out: int = Field(description="heads that did not")
    sampled: int = Field(description="of these, heads that were drawn at random and scored exactly, too")
    beating: int = Field(description="of the sampled, heads that beat the k-th best survivor")
    k: int = Field(description="length of the ranking that the recall is about")
    recall: float = Field(description="estimated share of the exact top k that was scored")
    recall_at_least: float = Field(description="its 95 % lower bound")
    seed: int


class LazyStep(Strict):
    """One step of a search that scored only heads which could be the best, and a sample of the others; see docs/methods.md."""

    heads: Count = Field(description="heads that could be taken")
    scored: Count = Field(description="of these, heads that were scored because their bound could beat the best")
    sampled: Count = Field(description="of the others, heads that were drawn at random and scored, too")
    beating: Count = Field(description="of the sampled, heads that beat the best; where there is one, all heads were scored")
    growth: float | None = Field(default=None, description="the most by which a sampled head's score exceeds its bound")


class LazyRecord(Strict):
    """What a search left out because it could not be the best."""

    steps: list[LazyStep] = Field(description="the steps after the first")
    seed: int


class TriedGroup(Strict):
    """A group of heads that a search went through."""

    heads: list[str] = Field(description="such as L2H26")
    refused: Count = Field(description="prompts that are still refused with these heads ablated")


Share = tuple[Annotated[float, Field(ge=0)], Annotated[float, Field(ge=0)]]
"""The lower and the upper end of a 95 % interval."""


class CurvePoint(Strict):
    """What a group of heads does to prompts that no search saw. It says nothing about a single head of the group."""

    edits: tuple[HeadEdit, ...] = Field(strict=False, description="of the group; none: the model as it is")
    refused: Count = Field(description="held-out harmful prompts that are refused")
    refused_share: Share = Field(strict=False, description="95 % interval of their share")
    unfinished: Count = Field(default=0, description="answers that stop within their thoughts, so that nobody knows")
    degenerate: Count = Field(description="answers to harmful prompts that are nonsense")
    harmless_kl: float | None = Field(
        default=None,
        description="mean KL(base || edited) on the model's own answers to held-out harmless prompts, in nats per token",
    )
    harmless_kl_interval: Share | None = Field(default=None, strict=False, description="its 95 % interval")

    @property
    def left(self) -> int:
        """Prompts of which nobody can say that they are answered."""
        return self.refused + self.unfinished


class Curve(Strict):
    """Refusals and harm by the number of heads, on prompts that were held out from the search."""

    harmful: Count = Field(description="harmful prompts that were held out")
    harmless: Count = Field(description="harmless prompts that were held out")
    answer_tokens: Count = Field(description="new tokens among which a refusal was looked for")
    kl_tokens: Count = Field(description="KL over the first so many tokens of an answer")
    max_kl: float = Field(description="most harm that a recommended group may do, in nats per token")
    base: CurvePoint
    points: tuple[CurvePoint, ...] = Field(strict=False, description="groups of heads, the smallest first")
    random: tuple[CurvePoint, ...] = Field(
        default=(), strict=False, description="the recommended group's edits on random other heads of the same layers"
    )
    recommended: Count | None = Field(default=None, description="place of the recommended group in `points`; null: none works")
    chosen: Count | None = Field(default=None, description="place of the recipe's own group in `points`")
    why: str = Field(description="what the curve says, in a sentence")


class ResampledHead(Strict):
    """A head of the recipe, and how often the search chooses it again."""

    layer: int
    head: int
    chosen: Count = Field(description="resamples in which it belongs to the group")


class Stability(Strict):
    """What the method chooses on random halves of its prompts, as many heads each time as the recipe has."""

    resamples: Count = Field(description="halves of the prompts on which a group was found")
    empty: Count = Field(default=0, description="further halves that gave the search nothing to find")
    heads: tuple[ResampledHead, ...] = Field(strict=False, description="of the recipe")
    overlap: float | None = Field(
        default=None, description="share of their heads that two groups have in common, mean over all pairs of resamples"
    )
    overlap_by_chance: float | None = Field(default=None, description="the same for groups drawn at random from all heads")

    @property
    def unstable(self) -> tuple[HeadRef, ...]:
        """Heads that belong to fewer than half of the groups."""
        return tuple(HeadRef(one.layer, one.head) for one in self.heads if self._is_unstable(one))

    def say_head(self, head: HeadRef) -> str:
        """`3 of 10`, marked where that is fewer than half; empty for a head that the recipe did not have."""
        found = next((one for one in self.heads if (one.layer, one.head) == (head.layer, head.head)), None)
        if found is None:
            return ""
        return f"{found.chosen} of {self.resamples}{', unstable' if self._is_unstable(found) else ''}"

    def say(self) -> str:
        """What it says, in a sentence."""
        total = self.resamples + self.empty
        empty = f"{self.empty} of {total} random halves of the prompts give the search nothing to find"
        if not self.resamples:
            return f"{empty}, so the stability of the group is not known"
        said = f"heads were chosen again on {self.resamples} random halves of the prompts"
        if self.overlap is not None and self.overlap_by_chance is not None:
            said += (
                f"; two such groups have {self.overlap:.0%} of their heads in common, and {self.overlap_by_chance:.0%} by chance"
            )
        if self.unstable:
            often = (f"{head} belongs to the group in {self._count(head)} of {self.resamples} resamples" for head in self.unstable)
            said += f"; unstable: {', '.join(often)}"
        else:
            said += "; every head of the recipe belongs to at least half of the groups"
        said += f"; {empty}" if self.empty else ""
        return f"{said}. What the group does is claimed for the group, not for each of its heads"

    def _count(self, head: HeadRef) -> int:
        return next(one.chosen for one in self.heads if (one.layer, one.head) == (head.layer, head.head))

    def _is_unstable(self, found: ResampledHead) -> bool:
        return 2 * found.chosen < self.resamples


class Provenance(_Noun):
    """How the heads were found."""

    method: FoundBy = "manual"
    operation: OperationName | None = Field(default=None, description="operation during attribution")
    factor: float | None = Field(default=None, description="factor during attribution")
    intent: Literal["ablate", "reinforce"] | None = None
    unit: Unit | None = None
    r_main: int | None = Field(default=None, description="leading singular vectors that sahara compares")
    contrast: float | None = Field(default=None, description="weight of the harmless control")
    prompts: PromptRecord | None = None
    harmless: PromptRecord | None = None
    template: str | None = Field(default=None, description="chat, paper, direct, or file:<sha256 of its text>")
    notes: list[str] | None = Field(default=None, description="of the prompts, and what makes the choice of heads doubtful")
    dtype: str | None = None
    device: str | None = Field(default=None, description="cpu, cuda or mps")
    options: dict[str, Any] | None = Field(default=None, description="what was chosen of `attribute`, without the defaults")
    scores: list[HeadScore] | None = None
    path: list[TriedGroup] | None = Field(default=None, description="of a search for a group: what it went through, in order")
    curve: Curve | None = Field(default=None, description="what groups of heads do to prompts that no search saw")
    stability: Stability | None = Field(default=None, description="which heads the search finds again on halves of its prompts")
    search: SearchRecord | None = Field(default=None, description="of a reinforcement's heads and factor")
    screen: ScreenRecord | None = Field(default=None, description="of the heads that were scored")
    lazy: LazyRecord | None = Field(default=None, description="of a search: which heads it left out in later steps")
    versions: dict[str, str] | None = None
    note: str | None = None

    @property
    def has_learned_factors(self) -> bool:
        """Whether the method learned a factor for every head, in place of scoring each one by an ablation."""
        return self.method != "manual" and load_method(self.method).learns_factors

    @property
    def use_of_harmless(self) -> str | None:
        """What the method needs harmless prompts for, such as `whose answers are to stay as they are`; None: it needs none."""
        return None if self.method == "manual" else load_method(self.method).needs.get("harmless")


def _edits_by_key(value: Any) -> Any:
    """Accept the reference's `{"2-26": [...]}` and heads written `"2-26"` or `"L2H26"`, and make plain edits of them."""
    if isinstance(value, dict):
        value = [edit for key, entry in value.items() for edit in _edits_of_key(key, entry)]
    if not isinstance(value, list):
        return value
    if len(value) > _MAX_EDITS:
        raise ValueError(f"{len(value):,} edits, expected at most {_MAX_EDITS:,}")
    return [
        {**edit, **_split_key(edit["head"])}
        if isinstance(edit, dict)
        and "layer" not in edit
        and isinstance(edit.get("head"), str)
        and _HEAD_KEY.fullmatch(edit["head"])
        else edit
        for edit in value
    ]


def _edits_of_key(key: str, entry: Any) -> list[dict[str, Any]]:
    if not _HEAD_KEY.fullmatch(key):
        raise ValueError(f"{quote(key)} is not a head; expected a form like '2-26' or 'L2H26'")
    if isinstance(entry, dict) and not {"layer", "head"} & entry.keys():
        return [{**entry, **_split_key(key)}]
    if isinstance(entry, list) and entry and all(isinstance(mask, str) and mask in _REFERENCE_MASKS for mask in entry):
        operations = sorted({_REFERENCE_MASKS[mask] for mask in entry})
        return [{**_split_key(key), "operation": operation} for operation in operations]
    raise ValueError(f"{key}: expected masks out of ['q', 'k', 'v'] or an object with operation and factor, found {quote(entry)}")


def _split_key(key: str) -> dict[str, int]:
    head = HeadRef.parse(key)
    return {"layer": head.layer, "head": head.head}


class Recipe(_Noun):
    """A list of head edits with its base and its provenance.

    Raises:
        RecipeError: Something in it is wrong; the message has the place.
    """

    schema_: Literal["headsurgery.recipe/1"] = Field(default=RECIPE_SCHEMA, alias="schema")
    base: RecipeBase = RecipeBase()
    donor: RecipeBase | None = Field(default=None, description="the checkpoint that transplanted heads are taken from")
    edits: Annotated[tuple[HeadEdit, ...], Field(strict=False), BeforeValidator(_edits_by_key)]
    provenance: Provenance | None = None

    @model_validator(mode="after")
    def _no_duplicates(self) -> Recipe:
        if not self.edits:
            raise ValueError("edits: empty, expected at least one edit")
        seen: dict[tuple[HeadRef, str], int] = {}
        for position, edit in enumerate(self.edits):
            first = seen.setdefault((edit.ref, edit.operation), position)
            if first != position:
                raise ValueError(f"edits[{position}]: {edit.operation} on {edit.ref} again, it stands at edits[{first}] already")
        return self

    @model_validator(mode="after")
    def _has_use_for_its_donor(self) -> Recipe:
        if self.donor is not None and not self.needs_donor:
            raise ValueError("donor: no edit takes anything from it")
        return self

    def __repr__(self) -> str:
        """Its edits and its base, on one line."""
        base = "" if self.base.model is None else f", for {reprlib.repr(self.base.model)}"
        return f"Recipe({say_edits(self.edits)}{base})"

    __str__ = __repr__

    @property
    def needs_donor(self) -> bool:
        """Whether any edit takes values from a donor."""
        return takes_from_donor(self.edits)

    @classmethod
    def parse(cls, text: str, *, where: str = "recipe") -> Recipe:
        """Read a recipe from JSON text.

        Args:
            text: The document; also the reference's mapping from "L-H" to masks, on its own.
            where: Prefix of errors.
        """
        try:
            document = parse_object(text.encode(), max_bytes=MAX_RECIPE_BYTES)
        except ValueError as error:
            raise RecipeError(f"{where}: not valid JSON: {error}") from error
        if document and all(_HEAD_KEY.fullmatch(key) for key in document):
            document = {"schema": RECIPE_SCHEMA, "edits": document}
        if document.get("schema") != RECIPE_SCHEMA:
            found = quote(document["schema"]) if "schema" in document else "missing"
            raise RecipeError(f"{where}: schema is {found}, expected {RECIPE_SCHEMA!r}")
        try:
            return cls.model_validate(document)
        except ValidationError as error:
            raise RecipeError(f"{where}: {first_problem(error)}", hint="recipes/README.md explains the schema") from error

    @classmethod
    def load(cls, path: Path | str) -> Recipe:
        """Read a recipe file."""
        path = Path(path)
        try:
            with path.open("rb") as stream:
                data = stream.read(MAX_RECIPE_BYTES + 1)
            text = data.decode("utf-8-sig")
        except FileNotFoundError as error:
            raise RecipeError(f"{path}: no such file; expected a recipe (JSON)") from error
        except IsADirectoryError as error:
            raise RecipeError(
                f"{path}: a directory, expected a recipe (JSON)",
                hint="that of an edited checkpoint is the recipe.json in it; of a model it comes second: apply RECIPE MODEL",
            ) from error
        except (OSError, UnicodeDecodeError) as error:
            raise RecipeError(f"{path}: can't be read as a recipe: {error}") from error
        return cls.parse(text, where=path.name)

    def to_json(self) -> str:
        """The canonical text: fields in schema order, what is unknown left out, a final line feed."""
        document = self.model_dump(by_alias=True, exclude_none=True)
        if not document["base"]:
            del document["base"]
        return json.dumps(document, indent=2, ensure_ascii=False) + "\n"

    def apply(self, out: Path | str, base: Any = None, **choices: Any) -> Manifest:
        """Write the edited checkpoint with its model card, and verify it. `headsurgery.apply_recipe` says more.

        Args:
            out: Directory to create.
            base: Directory, Hub id or open checkpoint. Default: the base that the recipe states.
            choices: donor, revision, token, allow_mismatch, link, force, keep_originals, on_progress, on_note.

        Returns:
            The manifest.

        Raises:
            RecipeError: No base is known, or the recipe doesn't fit it.
            HeadSurgeryError: Its other children say what can't be found, edited or written.
        """
        import headsurgery  # the front door: this module knows nothing of checkpoints

        return headsurgery.apply_recipe(self, out, base=base, **choices)

    def save(self, path: Path | str) -> None:
        """Write the recipe beside `path`, then rename: a reader sees the old file or the new one, never half of it.

        Raises:
            RecipeError: The file can't be written.
        """
        try:
            write_atomically(Path(path), self.to_json().encode())
        except OSError as error:
            raise RecipeError(f"{path}: can't write the recipe: {error.strerror}") from error


def takes_from_donor(edits: Iterable[HeadEdit]) -> bool:
    """Whether any of the edits takes values from a donor."""
    return any("donor" in OPERATIONS[edit.operation].needs for edit in edits)


def say_edits(edits: Iterable[HeadEdit], most: int = 6) -> str:
    """`L2H3 scale × 0, L3H1 scale × 0.5 and 12 more`."""
    said = list(dict.fromkeys(f"{edit.ref} {OPERATIONS[edit.operation].say(edit.factor)}" for edit in edits))
    return ", ".join(said[:most]) + (f" and {len(said) - most} more" if len(said) > most else "")


def recipe_schema() -> str:
    """The JSON Schema of a recipe as `to_json` writes it; recipes/recipe.schema.json is this text."""
    schema = {"$schema": "https://json-schema.org/draft/2020-12/schema"} | Recipe.model_json_schema(by_alias=True)
    schema["required"] = ["schema", "edits"]
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"


def first_problem(error: ValidationError) -> str:
    """The first of pydantic's errors as `edits[3].factor: ...`, with the number of further ones."""
    problems = error.errors(include_url=False, include_context=False)
    problems = [problem for problem in problems if problem["type"] != "default_factory_not_called"]  # the consequence of another
    problems.sort(key=lambda problem: problem["type"] != "extra_forbidden")  # a typo explains the missing key
    place = ""
    for part in problems[0]["loc"]:
        place += f"[{part}]" if isinstance(part, int) else f".{part if len(part) <= 200 else quote(part)}"
    message = problems[0]["msg"].removeprefix("Value error, ")
    if problems[0]["type"] == "extra_forbidden":
        message = "unknown key"
    elif problems[0]["type"] != "missing" and not message.startswith("edits"):
        found = problems[0]["input"]
        message += f", found {quote(found)}" if isinstance(found, str | int | float | bool) else ""
    more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
    return ": ".join(part for part in (place.lstrip("."), message) if part) + more
