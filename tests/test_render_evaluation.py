"""An evaluation on the terminal."""

from __future__ import annotations

import pytest

from headsurgery.cli.render_evaluation import render_evaluation
from headsurgery.console import Console
from headsurgery.report.wording import say_finding
from tests.example_evaluation import example


def test_the_terminal_has_a_table_per_set_and_judge(capsys: pytest.CaptureFixture[str]) -> None:
    evaluation = example()
    Console().data({}, *render_evaluation(evaluation))
    lines = [" ".join(line.split()) for line in capsys.readouterr().out.splitlines()]
    assert lines[0] == say_finding(evaluation)
    assert sum(line.startswith("variant ASR [95 %] n against base") for line in lines) == 4
    assert sum(line.startswith("variant refused [95 %] n") for line in lines) == 4
    assert "sahara-3 71 % [67, 75] 500 36 × [14, 92] 1.2e-09 145 0 1 %" in lines
    assert any(
        line.startswith("sahara-3 1572864 0.0123 [0.0101, 0.0151] 1280 7.317 7.251 boolq 77.1% (base 77.9%)") for line in lines
    )
    assert "keyword and classifier:wildguard: kappa 0.87, same verdict 96%, n = 5682" in lines
