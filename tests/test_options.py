"""Option objects: one declaration for flags, run files, identity, JSON and Python's arguments."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Annotated, Any, Literal

import pytest
import typer
from typer.testing import CliRunner

from headsurgery.cli.flags import with_flags
from headsurgery.errors import UsageError
from headsurgery.evaluation.options import EvaluationOptions, ServerOptions
from headsurgery.options import Flag, ModelOptions, Options, PromptOptions, check_no_more
from headsurgery.paper.options import ExperimentOptions

EVALUATE = """kinds harmless column limit judges judge_endpoint random_draws allow_mismatch decoding top_k temperature seeds
max_new_tokens template prefill system endpoint base_answers kl_tokens perplexity_text utility batch_size dtype device revision
token trust_remote_code"""
EXPERIMENT = """pretrained sibling column limit heads_limit max_new_tokens template batch_size dtype device revision token
trust_remote_code"""
OURS = (EvaluationOptions, ServerOptions, PromptOptions, ModelOptions, ExperimentOptions)


@dataclass(frozen=True, kw_only=True)
class Tea(Options):
    """Options of a command that makes tea."""

    leaves: Annotated[str, Flag(help="Which.", identity=True)]
    minutes: Annotated[float, Flag(help="How long.", names=("--minutes", "-m"), above=0, identity=True)] = 3.0
    cups: Annotated[int | None, Flag(help="How many.", at_least=1)] = None
    kind: Annotated[Literal["black", "green"], Flag(help="Of leaves.")] = "black"
    guests: Annotated[tuple[str, ...], Flag(help="Who.", names=("--guest",))] = ()
    milk: Annotated[bool, Flag(help="No milk.", names=("--no-milk",), read=lambda said: not said, written=bool)] = True
    sugar: Annotated[int | Literal["auto"], Flag(help="Lumps.", read=lambda text: text if text == "auto" else int(text))] = "auto"
    tray: Annotated[Path | None, Flag(help="On what.")] = None
    safe: Annotated[str | None, Flag(help="Of the cellar.", secret=True)] = None
    note: str = "not a flag"


made: list[tuple[Tea, str]] = []


def brew(*, tea: Tea, cook: Annotated[str, typer.Option("--cook", help="Who makes it.")] = "me") -> None:
    """Make tea."""
    made.append((tea, cook))


def run(*arguments: str) -> Any:
    app = typer.Typer()
    app.command()(with_flags(brew))
    made.clear()
    return CliRunner().invoke(app, list(arguments))


def brewed(*arguments: str) -> Tea:
    done = run(*arguments)
    assert done.exit_code == 0, done.output
    return made[0][0]


def test_what_is_not_given_keeps_the_default_of_its_field() -> None:
    assert brewed("--leaves", "assam") == Tea(leaves="assam")


@pytest.mark.parametrize(
    ("arguments", "changes"),
    [
        ("--minutes 4.5", {"minutes": 4.5}),
        ("-m 4.5", {"minutes": 4.5}),
        ("--cups 2", {"cups": 2}),
        ("--kind green", {"kind": "green"}),
        ("--guest anna --guest ben", {"guests": ("anna", "ben")}),
        ("--no-milk", {"milk": False}),
        ("--sugar 2", {"sugar": 2}),
        ("--sugar auto", {"sugar": "auto"}),
        ("--tray silver/big", {"tray": Path("silver/big")}),
    ],
)
def test_each_kind_of_field_becomes_a_flag(arguments: str, changes: dict[str, Any]) -> None:
    assert brewed("--leaves", "assam", *arguments.split()) == replace(Tea(leaves="assam"), **changes)


def test_a_field_without_a_default_has_to_be_given() -> None:
    assert run().exit_code == 2


def test_what_is_no_flag_is_not_on_the_command_line() -> None:
    assert run("--leaves", "assam", "--note", "x").exit_code == 2


def test_other_parameters_of_a_command_stay() -> None:
    assert run("--leaves", "assam", "--cook", "anna").exit_code == 0
    assert made[0][1] == "anna"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"cups": 0}, "--cups 0: expected at least 1"),
        ({"minutes": 0.0}, "--minutes 0.0: expected more than 0"),
        ({"minutes": float("nan")}, "--minutes nan: expected more than 0"),
        ({"kind": "red"}, "--kind red: expected black or green"),
    ],
)
def test_bounds_and_choices_hold_in_python_as_well(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        Tea(leaves="assam", **changes)


def test_the_identity_is_what_a_journal_knows_a_run_by() -> None:
    assert Tea(leaves="assam", cups=3).identity() == {"leaves": "assam", "minutes": 3.0}


def test_the_record_has_what_was_chosen_and_no_secret_and_no_path() -> None:
    chosen = Tea(leaves="assam", guests=("anna",), safe="1234", tray=Path("/home/anna/silver"))
    assert chosen.to_json() == {"leaves": "assam", "guests": ["anna"], "tray": "silver"}


class TestKeywordsOfVersion01:
    def test_they_make_the_object(self) -> None:
        keywords = {"leaves": "assam", "guests": ["anna"], "other": 1}
        assert Tea.take(keywords) == Tea(leaves="assam", guests=("anna",))
        assert keywords == {"other": 1}

    def test_an_object_that_is_given_is_taken(self) -> None:
        tea = Tea(leaves="assam")
        assert Tea.take({}, tea) is tea

    def test_an_object_and_one_of_its_fields_contradict_each_other(self) -> None:
        with pytest.raises(TypeError, match="cups: given beside a Tea"):
            Tea.take({"cups": 2}, Tea(leaves="assam"))

    def test_what_nobody_takes_is_refused_with_the_nearest_name(self) -> None:
        with pytest.raises(TypeError, match=r"f\(\) got an unexpected keyword argument 'cup'. Did you mean 'cups'\?"):
            check_no_more("f", {"cup": 1}, (Tea,))

    @pytest.mark.parametrize(
        "name",
        EVALUATE.split(),
    )
    def test_evaluate_has_an_option_for_each_of_its_keywords(self, name: str) -> None:
        own = [options for options in OURS[:4] if name in {field.name for field in fields(options)}]
        assert len(own) == 1

    @pytest.mark.parametrize(
        "name",
        EXPERIMENT.split(),
    )
    def test_run_experiment_has_an_option_for_each_of_its_keywords(self, name: str) -> None:
        own = [options for options in (ExperimentOptions, ModelOptions) if name in {field.name for field in fields(options)}]
        assert len(own) == 1


@pytest.mark.parametrize("options", OURS, ids=lambda options: options.__name__)
def test_every_option_of_ours_says_what_it_is(options: type[Options]) -> None:
    for field in options.declared():
        assert field.flag.help.endswith("."), field.name
        assert field.long_name.startswith("--")
