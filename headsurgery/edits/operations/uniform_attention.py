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
        """Also where queries of 0 would not stay 0."""
        if architecture.q_norm_has_bias:
            return "the norm on its queries has a bias, which queries of 0 would get, too"
        return super().hindrance(architecture)

    def check(self, factor: float, *, has_q_norm: bool, where: str = "") -> None:
        """Refuse what a query norm would undo.

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
        """What one head's queries do to the others."""
        notes = []
        if facts.architecture.joint_norm:
            notes.append(
                "this family normalises the outputs of all heads of a layer together: what one puts out rescales the others'"
            )
        if facts.shares_q_norm:
            notes.append(
                "this family's query norm spans all heads of a layer: with one head's queries at 0 those of the other heads grow, "
                "by a factor of about sqrt(num_heads / (num_heads - 1))"
            )
        if any(factor != 1 for factor in factors):
            notes += self.caveats(facts.uneven)
        return tuple(notes)
