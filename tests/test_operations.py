"""The registry of operations, and what each operation declares."""

from __future__ import annotations

import pytest

from headsurgery.edits.operations import OPERATIONS
from headsurgery.errors import GeometryError


class TestQueryFactor:
    @pytest.mark.parametrize(
        ("operation", "factor", "has_q_norm"),
        [
            ("uniform_attention", 0.5, False),
            ("uniform_attention", 0.0, True),
            ("uniform_attention", -0.0, True),
            ("scale", 0.5, True),
        ],
    )
    def test_what_a_norm_does_not_undo_is_allowed(self, operation: str, factor: float, has_q_norm: bool) -> None:
        OPERATIONS[operation].check(factor, has_q_norm=has_q_norm)

    def test_what_a_norm_undoes_is_refused_with_its_place(self) -> None:
        with pytest.raises(GeometryError, match=r"edits\[1\]: .*0\.5.* cancels every factor except 0") as caught:
            OPERATIONS["uniform_attention"].check(0.5, has_q_norm=True, where="edits[1]: ")
        assert caught.value.hint == "use factor 0, or the operation scale"
