"""What is printed, and where."""

from __future__ import annotations

import json

import numpy as np
import pytest

from headsurgery.console import Console, table
from headsurgery.errors import UsageError


def test_json_alone_goes_to_stdout(capsys: pytest.CaptureFixture[str]) -> None:
    console = Console(as_json=True)
    console.data({"a": [1, None]}, "for people")
    console.say("talk")
    out, err = capsys.readouterr()
    assert json.loads(out) == {"a": [1, None]}
    assert err == "talk\n"


def test_quiet_keeps_errors(capsys: pytest.CaptureFixture[str]) -> None:
    console = Console(quiet=True)
    console.say("talk")
    console.note("note")
    console.error(UsageError("wrong [bold]x[/bold]", hint="do this"))
    out, err = capsys.readouterr()
    assert out == ""
    assert err == "error: wrong [bold]x[/bold]\nhint: do this\n", "markup in a message is text"


def test_the_next_command_can_be_copied(capsys: pytest.CaptureFixture[str]) -> None:
    Console().next_command("diff", "a b", "c")
    assert capsys.readouterr().err == "next: headsurgery diff 'a b' c\n"


def test_the_heat_map_has_a_line_per_layer_and_two_letters_per_head() -> None:
    lines = Console().heat_map(np.array([[1.0, -1.0, 0.0], [0.04, np.nan, -0.04]])).plain.splitlines()
    assert "strongest 1" in lines[0]
    assert lines[1:] == ["L0     @-@  ", "L1     .  -."]


def test_a_heat_map_of_nothing_is_empty() -> None:
    assert Console().heat_map(np.full((1, 2), np.nan)).plain.splitlines()[1] == "L0        "


def test_numbers_are_set_to_the_right(capsys: pytest.CaptureFixture[str]) -> None:
    Console().data({}, table(("name", "score"), [("a", 0.123456), ("bb", 10.0)]))
    lines = [line.rstrip() for line in capsys.readouterr().out.splitlines()]
    assert lines == ["name   score", "a     0.1235", "bb        10"]
