"""`transplant`: the head's blocks, taken from another checkpoint of the same shape, the donor.

Its input columns of o_proj and its rows of q_proj with their bias come over. What heads share stays the base's: keys and values,
which several heads read under grouped-query attention, what queries are made from under MLA, the norm on the queries, and the bias
of o_proj. So do a head's gate and its attention sink, where a family has one; plans and cards say so.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from headsurgery.edits.operation import O_COLUMNS, Q_ROWS, Array, AttentionFacts, Operation
from headsurgery.errors import SurgeryError

if TYPE_CHECKING:
    from headsurgery.storage.codecs import Exactness


class Transplant(Operation):
    """The donor's values in the place of the base's, rounded once where the base's type is narrower."""

    name = "transplant"
    touches = (O_COLUMNS, Q_ROWS)
    says = "its input columns of o_proj and its rows of q_proj, from the donor"
    done = "transplanted"
    needs = frozenset({"donor"})
    default_factor = 1.0

    def change(self, values: Array, factor: Any, inputs: Mapping[str, Array]) -> Array:
        """The donor's."""
        return inputs["donor"]

    def factor_problem(self, factor: float) -> str | None:
        """There is nothing to multiply."""
        return None if factor == 1 else f"transplant takes the donor's values as they are, expected no factor, found {factor:g}"

    def notes(self, facts: AttentionFacts, factors: Sequence[float]) -> tuple[str, ...]:
        """What stays the base's."""
        notes = ["transplant: what heads share stays the base's: keys and values, the norm on the queries, and biases of o_proj"]
        if facts.architecture.query_layout in ("gated", "fused_behind_gate"):
            notes.append("transplant: heads of this family have gates, which stay the base's, too")
        if "sinks" in facts.uneven:
            notes.append("transplant: heads of this model have attention sinks, which stay the base's, too")
        return tuple(notes)

    def say_amount(self, factor: float) -> str:
        """Nothing: it is all of the donor's."""
        return ""

    def say_result(self, source: str, factor: float) -> str:
        """Whatever the values were before."""
        return "the donor's"

    def refusal(self, found: Exactness, *, place: str, factor: float, dtype: str) -> SurgeryError:
        """In words that speak of the donor."""
        if found.fault == "overflow":
            return SurgeryError(
                f"{place}: the donor's values overflow {dtype}", hint="choose a donor that is stored in the same type"
            )
        return SurgeryError(
            f"{place}: {dtype} can't hold the donor's values: rounding would change them by more than {found.limit:.0%}"
        )
