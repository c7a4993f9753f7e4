"""`transplant`: the head's blocks are replaced by those of the donor, another checkpoint of the same shape.

Taken from the donor: the head's input columns of o_proj, and its rows of q_proj with their bias. What heads share stays the base's:
keys and values, which several heads read under grouped-query attention; what queries are computed from under MLA; the norm on the
queries; and the bias of o_proj. A head's gate and attention sink stay the base's as well. Plans and cards say so.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from headsurgery.edits.operation import O_COLUMNS, Q_ROWS, Array, AttentionFacts, Operation
from headsurgery.errors import SurgeryError

if TYPE_CHECKING:
    from headsurgery.storage.codecs import Exactness


class Transplant(Operation):
    """The donor's values replace the base's. They are rounded once if the base's type is narrower."""

    name = "transplant"
    touches = (O_COLUMNS, Q_ROWS)
    says = "its input columns of o_proj and its rows of q_proj, from the donor"
    done = "transplanted"
    needs = frozenset({"donor"})
    default_factor = 1.0

    def change(self, values: Array, factor: Any, inputs: Mapping[str, Array]) -> Array:
        """The donor's values."""
        return inputs["donor"]

    def factor_problem(self, factor: float) -> str | None:
        """Any factor but 1, since there is nothing to multiply."""
        return None if factor == 1 else f"transplant takes the donor's values as they are, expected no factor, found {factor:g}"

    def notes(self, facts: AttentionFacts, factors: Sequence[float]) -> tuple[str, ...]:
        """What stays the base's."""
        notes = [
            "transplant: keys and values, the norm on the queries and the biases of o_proj are shared, so they stay the base's"
        ]
        if facts.architecture.query_layout in ("gated", "fused_behind_gate"):
            notes.append("transplant: the gates of this family's heads stay the base's, too")
        if "sinks" in facts.uneven:
            notes.append("transplant: the attention sinks of this model's heads stay the base's, too")
        return tuple(notes)

    def say_amount(self, factor: float) -> str:
        """Nothing, since the values are the donor's as they are."""
        return ""

    def say_result(self, source: str, factor: float) -> str:
        """The donor's, whatever the values were before."""
        return "the donor's"

    def refusal(self, found: Exactness, *, place: str, factor: float, dtype: str) -> SurgeryError:
        """The error, in words that name the donor."""
        if found.fault == "overflow":
            return SurgeryError(
                f"{place}: the donor's values overflow {dtype}", hint="choose a donor that is stored in the same type"
            )
        if found.fault == "too_small":
            return SurgeryError(
                f"{place}: {dtype} can't hold the donor's values: rounding would change them by more than {found.limit:.0%}"
            )
        return super().refusal(found, place=place, factor=factor, dtype=dtype)
