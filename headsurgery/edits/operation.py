"""What an operation on a head declares: the form of a file in `edits.operations`.

An operation says which blocks of which projections it changes, and what becomes of the values in them. From that alone it can be
planned, written, verified, taken back, found by `diff`, and run on a live model: `model.hooks` runs the projection with weights
that `change` made. Everything else has a default here. Neither this module nor `edits.operations` imports numpy or torch: they
compute with whatever arrays they are given.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Protocol, TypeVar

from headsurgery.architectures.declaration import Architecture, Projection
from headsurgery.architectures.uniformity import Unevenness
from headsurgery.errors import GeometryError, SurgeryError
from headsurgery.heads import LayerHeads

if TYPE_CHECKING:
    from headsurgery.storage.codecs import Exactness

Array = TypeVar("Array", bound=Any)
"""A NumPy array or a torch tensor."""


@dataclass(frozen=True)
class BlockKind:
    """A block that each head has in one of its layer's projections.

    Args:
        projection: Which projection.
        side: `input`: columns of the weight, which are inputs of the module; `output`: rows of weight and bias, its outputs.
        says: What it is called in cards, reports and audits.
    """

    projection: Projection
    side: Literal["input", "output"]
    says: str

    def of(self, architecture: Architecture, heads: LayerHeads, head: int) -> ProjectionBlock:
        """Where one head's block is."""
        block = heads.column_block(head) if self.projection == "o_proj" else architecture.query_rows(heads, head)
        return ProjectionBlock(kind=self, block=block)


O_COLUMNS = BlockKind("o_proj", "input", "columns of o_proj")
Q_ROWS = BlockKind("q_proj", "output", "rows of q_proj")


@dataclass(frozen=True, kw_only=True)
class ProjectionBlock:
    """One head's block.

    Args:
        kind: Of which projection, and which side of it.
        block: Indices of inputs or outputs.
    """

    kind: BlockKind
    block: range


class AttentionFacts(Protocol):
    """What an operation may ask of a checkpoint or a live model: `edits.anatomy.Anatomy`, `model.modules.ModuleMap`."""

    @property
    def architecture(self) -> Architecture:
        """Its row of the table."""

    @property
    def shares_q_norm(self) -> bool:
        """Whether one norm spans the queries of all heads of a layer."""

    @property
    def uneven(self) -> tuple[Unevenness, ...]:
        """What keeps a head whose queries are zero from attending uniformly."""


class Operation(ABC):
    """An operation on a head. To add one, write a subclass in a file of its own and list it in `edits.operations`.

    Attributes:
        name: As recipes name it.
        touches: The blocks that it changes.
        says: What it changes, for people who read a card.
        done: What was done to a head, where `weakens` can't tell whether it was weakened or reinforced.
        needs: Inputs beyond the head's own values: `donor`, the values of the same slice in another checkpoint.
        default_factor: The factor of an edit that states none.
        multiplies: Whether all that it does is to multiply by the factor, which codecs and `diff` may then rely on.
        acts_on_states: Whether `change_states` does the same to a live module's inputs or outputs. If not, the live model runs with
            changed weights, which costs a second product of the projection.
    """

    name: ClassVar[str]
    touches: ClassVar[tuple[BlockKind, ...]]
    says: ClassVar[str]
    done: ClassVar[str] = "edited"
    needs: ClassVar[frozenset[Literal["donor"]]] = frozenset()
    default_factor: ClassVar[float] = 0.0
    multiplies: ClassVar[bool] = False
    acts_on_states: ClassVar[bool] = False

    @abstractmethod
    def change(self, values: Array, factor: Any, inputs: Mapping[str, Array]) -> Array:
        """What becomes of values, rounding is left to the caller.

        Args:
            values: One of the slices, whole, in float32 or wider.
            factor: The edit's, in the same type.
            inputs: What `needs` names, of the shape and type of the values.
        """

    def change_states(self, states: Array, factor: float) -> Array:
        """The same done to a module's states: to the inputs or the outputs that belong to the block, as its side says.

        Args:
            states: [..., block].
            factor: The edit's.
        """
        raise NotImplementedError(f"{self.name} doesn't act on states")

    def change_of_output(self, output: Array, factor: float) -> Array | None:
        """How the edit changes the head's output z, where that follows from z alone; None: it must be computed with the edit made.

        Args:
            output: z, before o_proj.
            factor: The edit's.
        """
        return None

    def is_identity(self, factor: float) -> bool:
        """Whether the edit leaves all values as they are."""
        return False

    def weakens(self, factor: float) -> bool | None:
        """Whether the edit takes away from what the head does; None: that can't be told."""
        return None

    def factor_problem(self, factor: float) -> str | None:
        """Why a factor means nothing here; None: it means something."""
        return None

    def hindrance(self, architecture: Architecture) -> str | None:
        """Why the operation can't be done to models of a family; None: it can."""
        if Q_ROWS in self.touches and not architecture.own_queries:
            return "no slice of q_proj holds one head's queries"
        return None

    def check(self, factor: float, *, has_q_norm: bool, where: str = "") -> None:
        """Refuse an edit that would not do to this model what it says.

        Args:
            factor: The edit's.
            has_q_norm: Whether the model normalises its queries.
            where: Prefix of the error.

        Raises:
            GeometryError: It would not.
        """
        problem = self.factor_problem(factor)
        if problem is not None:
            raise GeometryError(f"{where}{problem}")

    def caveats(self, uneven: Sequence[Unevenness]) -> tuple[str, ...]:
        """What the user should know of a model where the operation does not quite do what its name says."""
        return ()

    def notes(self, facts: AttentionFacts, factors: Sequence[float]) -> tuple[str, ...]:
        """What the user should know of such edits on a model, although nothing is wrong.

        Args:
            facts: Of the model.
            factors: Of the edits.
        """
        return self.caveats(facts.uneven)

    def say_amount(self, factor: float) -> str:
        """How much of it is done, such as `× 0.5`; empty where the name says all."""
        return f"× {factor:g}"

    def say(self, factor: float) -> str:
        """The edit in a few words, such as `scale × 0.5`."""
        return f"{self.name} {self.say_amount(factor)}".rstrip()

    def say_result(self, source: str, factor: float) -> str:
        """What the edited values are, such as `base × 0.5`.

        Args:
            source: What the values were before.
            factor: The edit's.
        """
        return f"{source} after {self.say(factor)}"

    def refusal(self, found: Exactness, *, place: str, factor: float, dtype: str) -> SurgeryError:
        """The error for an edit that can't be stored.

        Args:
            found: What is wrong: `found.fault`.
            place: Head and tensor.
            factor: The edit's.
            dtype: The stored type.
        """
        done = f"{place} {self.say_amount(factor)}" if self.multiplies else f"{place}: {self.say(factor)}"
        if found.fault == "not_finite":
            what = "a product" if self.multiplies else f"the result of {self.name}"
            return SurgeryError(f"{place} holds inf or nan in this head; {what} would not be defined")
        if found.fault == "overflow":
            return SurgeryError(f"{done} overflows {dtype}", hint="choose a smaller factor" if self.multiplies else "")
        if found.fault == "too_small":
            return SurgeryError(f"{done} is too small for {dtype}: rounding would change it by more than {found.limit * 100:g} %")
        if self.multiplies:
            return SurgeryError(
                f"{done} changes nothing: {dtype} can't hold a factor so close to 1", hint="choose a factor further from 1"
            )
        return SurgeryError(f"{done} changes nothing: {dtype} can't hold so small a change")


class Multiplication(Operation):
    """An operation that multiplies a block by the edit's factor: 1 changes nothing, 0 takes the block away."""

    multiplies = True
    acts_on_states = True

    def change(self, values: Array, factor: Any, inputs: Mapping[str, Array]) -> Array:
        """Values times factor."""
        product: Array = values * factor
        return product

    def change_states(self, states: Array, factor: float) -> Array:
        """States times factor."""
        product: Array = states * factor
        return product

    def is_identity(self, factor: float) -> bool:
        """At factor 1."""
        return factor == 1

    def weakens(self, factor: float) -> bool:
        """Below 1, and where a negative factor turns the block round."""
        return factor < 1

    def say_result(self, source: str, factor: float) -> str:
        """Such as `base × 0.5`."""
        return f"{source} {self.say_amount(factor)}"
