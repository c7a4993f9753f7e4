"""`uniform_attention`: the head's queries times a factor (Eq. 7 of the paper, Undifferentiated Attention).

At factor 0 every product of query and key is zero, so the head attends uniformly, unless the model adds something to the scores.
"""

from __future__ import annotations

from collections.abc import Sequence

from headsurgery.architectures.declaration import Architecture
from headsurgery.architectures.uniformity import Unevenness, say_unevenness
from headsurgery.edits.operation import Q_ROWS, AttentionFacts, Multiplication
from headsurgery.errors import GeometryError


class UniformAttention(Multiplication):
    """The head's rows of q_proj, and of its bias, times the factor."""

    name = "uniform_attention"
    touches = (Q_ROWS,)
    says = "its rows of q_proj (Eq. 7)"

    def hindrance(self, architecture: Architecture) -> str | None:
        """Also refuses families in which queries of 0 would not stay 0."""
        if architecture.q_norm_has_bias:
            return "the norm on its queries adds a bias, so queries of 0 would not stay 0"
        return super().hindrance(architecture)

    def check(self, factor: float, *, has_q_norm: bool, where: str = "") -> None:
        """Refuse factors whose effect a query norm would cancel.

        Raises:
            GeometryError: A factor other than 0 on a model with QK-norm.
        """
        if has_q_norm and factor != 0:
            raise GeometryError(
                f"{where}uniform_attention with factor {factor:g}, but this model normalises its queries (QK-norm), "
                "which cancels every factor except 0",
                hint="use factor 0, or the operation scale",
            )

    def caveats(self, uneven: Sequence[Unevenness]) -> tuple[str, ...]:
        """What the model adds to the scores."""
        return say_unevenness(uneven)

    def notes(self, facts: AttentionFacts, factors: Sequence[float]) -> tuple[str, ...]:
        """How one head's queries affect the other heads."""
        notes = []
        if facts.architecture.joint_norm:
            notes.append(
                "this family normalises the outputs of all heads of a layer together, so one head's output rescales the others'"
            )
        if facts.shares_q_norm:
            notes.append(
                "this family's query norm spans all heads of a layer: when one head's queries are 0, those of the others grow "
                "by a factor of about sqrt(num_heads / (num_heads - 1))"
            )
        if any(factor != 1 for factor in factors):
            notes += self.caveats(facts.uneven)
        return tuple(notes)
