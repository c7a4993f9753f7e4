"""Rows that a result holds, as people look at them: one by one, as a data frame, as HTML in a notebook."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING, Any, Generic, TypeVar, overload

from headsurgery.errors import UsageError

if TYPE_CHECKING:
    import pandas as pd

Row = TypeVar("Row")

_SHOWN = 20


@dataclass(frozen=True, kw_only=True)
class Table(Sequence[Row], Generic[Row]):
    """Rows in order. It is a sequence of them; a part of it is a table, too.

    Args:
        what: What a row is of, in the plural.
        rows: The rows.
        to_dict: A row's cells by column.
    """

    what: str
    rows: tuple[Row, ...]
    to_dict: Callable[[Row], Mapping[str, Any]]

    @overload
    def __getitem__(self, place: int) -> Row: ...

    @overload
    def __getitem__(self, place: slice) -> Table[Row]: ...

    def __getitem__(self, place: int | slice) -> Row | Table[Row]:
        if isinstance(place, slice):
            return Table(what=self.what, rows=self.rows[place], to_dict=self.to_dict)
        return self.rows[place]

    def __len__(self) -> int:
        return len(self.rows)

    def __repr__(self) -> str:
        """How many rows there are, on one line."""
        return f"Table({len(self.rows)} {self.what})"

    def to_dataframe(self) -> pd.DataFrame:
        """The table as a pandas data frame.

        Raises:
            UsageError: pandas is not installed.
        """
        try:
            import pandas as pd
        except ImportError as error:
            raise UsageError("a data frame needs pandas", hint="pip install pandas") from error
        return pd.DataFrame([dict(self.to_dict(row)) for row in self.rows])

    def _repr_html_(self) -> str:
        """What a notebook shows: the first rows."""
        cells = [self.to_dict(row) for row in self.rows[:_SHOWN]]
        columns = list(dict.fromkeys(column for row in cells for column in row))
        head = "".join(f"<th>{escape(column)}</th>" for column in columns)
        body = "".join(f"<tr>{''.join(f'<td>{escape(_say(row.get(column)))}</td>' for column in columns)}</tr>" for row in cells)
        more = len(self.rows) - len(cells)
        note = f"<p>and {more} more {escape(self.what)}</p>" if more > 0 else ""
        return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>{note}"


def _say(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, float) else "" if value is None else str(value)
