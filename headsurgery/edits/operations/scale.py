"""`scale`: the head's output times a factor (Eq. 8 of the paper, Scaling Contribution).

The paper scales W_v. Under grouped-query attention those rows belong to a whole group of heads, so the head's input columns of
o_proj are multiplied instead, which has the same effect on this head alone.
"""

from __future__ import annotations

from headsurgery.edits.operation import O_COLUMNS, Array, Multiplication


class Scale(Multiplication):
    """The head's input columns of o_proj times the factor: 0 ablates, below 1 weakens, above 1 reinforces."""

    name = "scale"
    touches = (O_COLUMNS,)
    says = "its input columns of o_proj (Eq. 8)"

    def change_of_output(self, output: Array, factor: float) -> Array:
        """(factor - 1) * z."""
        change: Array = output * (factor - 1)
        return change
