"""What an operation on a head declares. Each file in `edits.operations` is a subclass.

An operation says which blocks of which projections it changes, and what becomes of the values in them. That is enough to plan,
write, verify and undo it, to find it with `diff`, and to run it on a live model: `model.hooks` runs the projection with the weights
that `change` returns. Everything else has a default here. Neither this module nor `edits.operations` imports numpy or torch: they
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
        projection: The projection.
        side: `input`: columns of the weight, so inputs of the module. `output`: rows of weight and bias, so its outputs.
        says: The block's name in cards, reports and audits.
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
        kind: The projection and its side.
        block: Indices of the head's inputs or outputs there.
    """

    kind: BlockKind
    block: range


class AttentionFacts(Protocol):
    """What an operation may ask of a checkpoint or a live model: `edits.anatomy.Anatomy`, `model.modules.ModuleMap`."""

    @property
    def architecture(self) -> Architecture:
        """The declaration of the family."""

    @property
    def shares_q_norm(self) -> bool:
        """Whether one norm spans the queries of all heads of a layer."""

    @property
    def uneven(self) -> tuple[Unevenness, ...]:
        """What keeps a head from attending uniformly when its queries are zero."""


class Operation(ABC):
    """An operation on a head. To add one, write a subclass in a file of its own and list it in `edits.operations`.

    Attributes:
        name: Its name in recipes.
        touches: The blocks that it changes.
        says: What it changes, as cards put it.
        done: A participle for cards, such as "transplanted", for operations that neither weaken nor reinforce a head.
        needs: Inputs beyond the head's own values. `donor`: the values of the same slice in another checkpoint.
        default_factor: The factor of an edit that states none.
        multiplies: Whether multiplying by the factor is all that it does. Codecs and `diff` rely on it.
        acts_on_states: Whether `change_states` has the same effect on a live module's inputs or outputs. If not, the live model
            runs with changed weights, which costs a second matrix product in the projection.
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
        """Return the new values. The caller rounds them.

        Args:
            values: One whole slice, in float32 or wider.
            factor: The edit's factor, in the same type.
            inputs: The inputs that `needs` names, with the shape and type of the values.
        """

    def change_states(self, states: Array, factor: float) -> Array:
        """Do the same to a live module's states: the block's inputs or outputs, depending on its side.

        Args:
            states: [..., block].
            factor: The edit's factor.
        """
        raise NotImplementedError(f"{self.name} doesn't act on states")

    def change_of_output(self, output: Array, factor: float) -> Array | None:
        """By how much the edit changes the head's output z. None: that doesn't follow from z alone, so the edited model must run.

        Args:
            output: z, before o_proj.
            factor: The edit's factor.
        """
        return None

    def is_identity(self, factor: float) -> bool:
        """Whether the edit leaves all values as they are."""
        return False

    def weakens(self, factor: float) -> bool | None:
        """Whether the edit reduces what the head does. None: that is unknown."""
        return None

    def factor_problem(self, factor: float) -> str | None:
        """Why this factor makes no sense here; None if it does."""
        return None

    def hindrance(self, architecture: Architecture) -> str | None:
        """Why the operation can't be done to models of a family; None if it can."""
        if Q_ROWS in self.touches and not architecture.own_queries:
            return "no slice of q_proj holds one head's queries"
        return None

    def check(self, factor: float, *, has_q_norm: bool, where: str = "") -> None:
        """Refuse an edit that would not have its stated effect on this model.

        Args:
            factor: The edit's factor.
            has_q_norm: Whether the model normalises its queries.
            where: Prefix of the error message.

        Raises:
            GeometryError: The edit would not have that effect.
        """
        problem = self.factor_problem(factor)
        if problem is not None:
            raise GeometryError(f"{where}{problem}")

    def caveats(self, uneven: Sequence[Unevenness]) -> tuple[str, ...]:
        """Notes for the user about models on which the operation doesn't quite do what its name says."""
        return ()

    def notes(self, facts: AttentionFacts, factors: Sequence[float]) -> tuple[str, ...]:
        """Notes for the user about such edits on a model. None of them is an error.

        Args:
            facts: The model's facts.
            factors: The factors of the edits.
        """
        return self.caveats(facts.uneven)

    def say_amount(self, factor: float) -> str:
        """The amount, such as `× 0.5`; empty if the name says everything."""
        return f"× {factor:g}"

    def say(self, factor: float) -> str:
        """The edit in a few words, such as `scale × 0.5`."""
        return f"{self.name} {self.say_amount(factor)}".rstrip()

    def say_result(self, source: str, factor: float) -> str:
        """What the edited values are, such as `base × 0.5`.

        Args:
            source: What the values were before.
            factor: The edit's factor.
        """
        return f"{source} after {self.say(factor)}"

    def refusal(self, found: Exactness, *, place: str, factor: float, dtype: str) -> SurgeryError:
        """The error for an edit that can't be stored.

        Args:
            found: What the codec found; `found.fault` says what is wrong.
            place: Head and tensor, for the message.
            factor: The edit's factor.
            dtype: The stored type.
        """
        done = f"{place} {self.say_amount(factor)}" if self.multiplies else f"{place}: {self.say(factor)}"
        if found.fault == "not_finite":
            what = "a product" if self.multiplies else f"the result of {self.name}"
            return SurgeryError(f"{place} holds inf or nan in this head; {what} would not be defined")
        if found.fault == "overflow":
            return SurgeryError(f"{done} overflows {dtype}", hint="choose a smaller factor" if self.multiplies else "")
        if found.fault == "too_coarse":
            return SurgeryError(
                f"{done}: {dtype} is too coarse: rounding would change the result by more than {found.limit * 100:g} %",
                hint=f"{'choose the factor 0, or ' if self.multiplies else ''}edit the model in a finer type",
            )
        if found.fault == "too_small":
            return SurgeryError(f"{done} is too small for {dtype}: rounding would change it by more than {found.limit * 100:g} %")
        if found.fault == "no_zero":
            return SurgeryError(
                f"{done}: the head shares scales with other heads, and under these scales no code of {dtype} means 0",
                hint="edit the unquantized model and quantize the result",
            )
        if found.fault == "shared":
            return SurgeryError(
                f"{done}: {dtype} of this head and of another share a stored element, so it can't be changed alone",
                hint="edit the unquantized model and quantize the result",
            )
        if self.multiplies:
            return SurgeryError(
                f"{done} changes nothing: {dtype} can't hold a factor so close to 1", hint="choose a factor further from 1"
            )
        return SurgeryError(f"{done} changes nothing: {dtype} can't hold so small a change")


class Multiplication(Operation):
    """An operation that multiplies a block by the edit's factor: 1 changes nothing, 0 removes the block's effect."""

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
        """True below 1, negative factors included."""
        return factor < 1

    def say_result(self, source: str, factor: float) -> str:
        """Such as `base × 0.5`."""
        return f"{source} {self.say_amount(factor)}"
