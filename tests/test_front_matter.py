"""The one YAML parser of cards: what it reads is kept equal in value, what it can't read is said, no licence is lost silently."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from headsurgery import open_checkpoint, plan_surgery
from headsurgery.auditing.declared_base import find_base
from headsurgery.card import write_card
from headsurgery.card.files import check_card
from headsurgery.card.licences import find_licences, find_licences_in_text
from headsurgery.cli import app
from headsurgery.documents.front_matter import MAX_BLOCK, join_front_matter, read_front_matter
from headsurgery.errors import HubError
from headsurgery.push.contents import gather_contents
from headsurgery.push.plan import check_terms
from headsurgery.recipe import Recipe
from headsurgery.surgery.apply import apply_plan
from headsurgery.surgery.manifest import Manifest
from tests.directories import recipe_of
from tests.tiny import save_model

ABLATE = recipe_of((0, 1, "scale", 0.0))
ND = "license: cc-by-nd-4.0\n"


# What is read


def test_valid_yaml_is_read_in_every_dress(subtests: pytest.Subtests) -> None:
    for card, expected in [
        (b"---\nlicense: mit\n---\ntext", {"license": "mit"}),
        (b"\xef\xbb\xbf---\nlicense: mit\n---\ntext", {"license": "mit"}),
        ("\ufeff---\nlicense: mit\n---\ntext".encode("utf-16-le"), {"license": "mit"}),
        ("---\nlicense: mit\nauthor: Jürgen\n---\ntext".encode("utf-16"), {"license": "mit", "author": "Jürgen"}),
        (b"---\r\nlicense: mit\r\ntags:\r\n- a\r\n---\r\ntext", {"license": "mit", "tags": ["a"]}),
        (b"---\rlicense: mit\r---\rtext", {"license": "mit"}),
        (b"\n\n  ---\t \nlicense: mit\n---  \t\ntext", {"license": "mit"}),
        (b"---\nlicense: mit\n...\ntext", {"license": "mit"}),
        (b"---\nlicense:\tmit\t\ntags:\t[a,\tb]\n---\ntext", {"license": "mit", "tags": ["a", "b"]}),
        (b"---\n# by hand\nlicense: mit # free\n---\ntext", {"license": "mit"}),
        (b"---\nbase_model: &b\n- a/b\nmerged_from: *b\n---\ntext", {"base_model": ["a/b"], "merged_from": ["a/b"]}),
        (b"---\nx: &x {license: mit}\n<<: *x\n---\ntext", {"x": {"license": "mit"}, "license": "mit"}),
        (b"---\nx: &x {license: mit}\n<<: *x\nlicense: gemma\n---\ntext", {"x": {"license": "mit"}, "license": "gemma"}),
        (b"---\n2024: x\n1.5: y\ntrue: z\n~: w\n---\ntext", {"2024": "x", "1.5": "y", "true": "z", "~": "w"}),
        (b"---\nlanguage: [no, en]\non: yes\n---\ntext", {"language": ["no", "en"], "on": "yes"}),
        (b"---\nwhen: 2024-13-45\nsign: =\n---\ntext", {"when": "2024-13-45", "sign": "="}),
        (b"---\nlicense: [mit, apache-2.0]\n---\ntext", {"license": ["mit", "apache-2.0"]}),
        (b"---\ntext: |\n  ---\n  more\n---\ntext", {"text": "---\nmore"}),
        (b"---\nnote: !!str 12\n---\ntext", {"note": "12"}),
        (b"---\n---\ntext", {}),
        (b"---\n# nothing\n---\ntext", {}),
    ]:
        with subtests.test(card=card, expected=expected):
            read = read_front_matter(card)
            assert (read.metadata, read.problem) == (expected, "")
            assert read.text.strip() == "text"


@pytest.mark.parametrize("card", ["# a\n---\nlicense: mit\n---\n", "---\n\nSome words\n\n---\nmore", "text", "", "---", "---\nend"])
def test_a_line_across_the_page_is_no_metadata(card: str) -> None:
    read = read_front_matter(card)
    assert (read.metadata, read.problem, read.text) == ({}, "", card)


def test_another_encoding_is_read_with_a_word() -> None:
    read = read_front_matter("---\nlicense: cc-by-nd-4.0\nauthor: José\n---\ncafé".encode("latin-1"))
    assert (read.metadata["author"], read.text, read.problem) == ("José", "café", "")
    assert read.notes == ("is not UTF-8; it was read as Windows-1252",)


@pytest.mark.parametrize("letters", [70_000, 150_000, MAX_BLOCK - 1000])
def test_long_metadata_are_read(letters: int) -> None:
    read = read_front_matter(f"---\n{ND}widget:\n" + f"- text: {'a' * 990}\n" * (letters // 1000) + "---\n# Base\n")
    assert read.problem == ""
    assert len(read.metadata["widget"]) == letters // 1000


def test_of_a_key_that_stands_there_twice_the_last_counts_and_it_is_said() -> None:
    read = read_front_matter("---\nlicense: cc-by-nd-4.0\ntags: [a]\nlicense: mit\n---\n")
    assert read.metadata == {"license": "mit", "tags": ["a"]}
    assert read.notes == ("names 'license' more than once; the last one was taken",)
    assert find_licences(read.licences)[0].forbids_derivatives, "the licence that was overwritten still counts"


# What is written again


SCALARS = st.one_of(
    st.text(max_size=12),
    st.integers(),
    st.booleans(),
    st.none(),
    st.floats(allow_nan=False),
    st.dates(),
    st.sampled_from(["no", "on"]),
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=8,
)


@settings(max_examples=200, deadline=None)
@given(st.dictionaries(st.text(min_size=1, max_size=8).filter(lambda key: key != "<<"), VALUES, max_size=5))
def test_every_value_comes_out_equal(metadata: dict[str, Any]) -> None:
    card = "---\n" + yaml.safe_dump(metadata) + "---\n"
    read = read_front_matter(card)
    again = join_front_matter(read.metadata, read.text)
    assert yaml.safe_load(again.split("---\n")[1]) == metadata


def test_numbers_keep_their_spelling(subtests: pytest.Subtests) -> None:
    """YAML 1.1 and 1.2 read some of them differently, so that only the spelling means the same to all."""
    for number in ["010", "0o10", "0x1F", "1_000", "12:30", "1:30.5", "1e-5", "1.50", ".5", "1e3", "-.inf", "+7"]:
        with subtests.test(number=number):
            card = read_front_matter(f"---\nx: {number}\n---\n")
            assert join_front_matter(card.metadata, "").startswith(f"---\nx: {number}\n---")


def test_no_anchor_is_written() -> None:
    card = read_front_matter("---\na: &a [1, {b: c}]\nd: *a\n---\n")
    written = join_front_matter(card.metadata, "")
    assert "&" not in written
    assert read_front_matter(written).metadata == card.metadata


# What can't be read


def test_what_can_not_be_read_is_said_with_the_line_of_the_licence(subtests: pytest.Subtests) -> None:
    for block, problem in [
        ("author: @me\n", "cannot start any token, line 3"),
        ("tags: [a\n", "line"),
        ("tags:\n\t- a\n", "line 4"),
        ('x: "open\n', "line"),
        ("x: !!python/object/apply:os.system ['touch /tmp/headsurgery-was-here']\n", "could not determine a constructor"),
        ("x: !custom y\n", "could not determine a constructor"),
        ("? [a]\n: 1\n", "a key is a list or a mapping"),
        ("x: *nowhere\n", "found undefined alias"),
        ("x: &x [*x]\n", "an anchor stands within itself"),
        ("x: &x\n  y: *x\n", "an anchor stands within itself"),
        ("x: " + "[" * 5000 + "\n", "too much stands within each other"),
        ("x: a\x00b\n", "special characters are not allowed"),
        ("x: y\n" + "a" * MAX_BLOCK + ": b\n", "letters, and at most"),
        ("x: {a: 1}: 2\n", "line 3"),
    ]:
        with subtests.test(block=block, problem=problem):
            read = read_front_matter(f"---\n{ND}{block}---\n# Base\n")
            assert problem in read.problem
            assert read.metadata == {}
            assert read.licences == ("license: cc-by-nd-4.0",)
            assert read.text == "# Base\n"
            assert not Path("/tmp/headsurgery-was-here").exists()


def test_a_block_without_an_end_is_said() -> None:
    read = read_front_matter(f"---\n{ND}\n# Base\n")
    assert "no end" in read.problem
    assert find_licences(read.licences)[0].forbids_derivatives


def test_a_list_is_no_metadata_and_it_is_said() -> None:
    read = read_front_matter("---\n- license: cc-by-nd-4.0\n---\n")
    assert "a list" in read.problem
    assert find_licences(read.licences)[0].forbids_derivatives


@pytest.mark.parametrize(
    "bomb",
    [
        "a0: &a0 [x, x]\n" + "".join(f"a{n + 1}: &a{n + 1} [*a{n}, *a{n}]\n" for n in range(40)),
        "a0: &a0 {x: 1}\n" + "".join(f"a{n + 1}: &a{n + 1} {{<<: [*a{n}, *a{n}]}}\n" for n in range(40)),
        f"a: &a {'x' * 100_000}\nb: [{', '.join(['*a'] * 1000)}]\n",
    ],
    ids=["lists", "merges", "text"],
)
def test_aliases_may_not_multiply_a_card(bomb: str) -> None:
    read = read_front_matter(f"---\n{ND}{bomb}---\n")
    assert read.problem == "its aliases multiply what it holds"
    assert read.licences == ("license: cc-by-nd-4.0",)


# Licences


def test_every_spelling_of_a_licence_without_derivatives_is_known(subtests: pytest.Subtests) -> None:
    for stated in [
        "cc-by-nd-4.0",
        "cc-by-nc-nd-4.0",
        "cc-by-nc-nd-3.0",
        "CC-BY-ND-4.0",
        "CC BY-NC-ND 4.0",
        "cc_by_nd",
        "CC BY ND",
        "cc-by-nd",
        "cc-by-nd-2.0",
        "cc-by-nc-nd-3.0-de",
        "by-nc-nd",
        "cc-nc-nd-1.0",
        "CCBYND",
        "ccbyncnd4.0",
        "cc-by-nd-nc-4.0",
        "Creative Commons Attribution-NoDerivatives 4.0 International",
        "Attribution-NonCommercial-NoDerivs",
        "no-derivatives",
        "https://creativecommons.org/licenses/by-nc-nd/4.0/",
        "license: cc-by-nd-4.0  # ours",
        "license:\n- cc-by-nd-4.0",
    ]:
        with subtests.test(stated=stated):
            assert [licence.forbids_derivatives for licence in find_licences([stated])] == [True]


def test_other_licences_ask_for_nothing(subtests: pytest.Subtests) -> None:
    for stated in [
        "mit",
        "apache-2.0",
        "cc-by-4.0",
        "cc-by-nc-sa-4.0",
        "cc0-1.0",
        "openrail",
        "bigscience-bloom-rail-1.0",
        "other",
        "cc",
        "unlicense",
        "gpl-3.0",
        "afl-3.0",
        "https://huggingface.co/nd/model",
        "tinyllama-1.1",
        "codellama",
        "llama-13b",
        "Brand new",
        "wind-by-sea",
        "licensed by ND Research",
    ]:
        with subtests.test(stated=stated):
            assert find_licences([stated]) == ()


def test_licences_that_want_a_name_or_a_notice_are_known_by_name_and_link(subtests: pytest.Subtests) -> None:
    for stated, prefix in [
        *[(name, "Llama") for name in ("llama3.1", "Llama-3.2", "llama 3.3 community license", "LLAMA4", "llama_3_1")],
        ("https://www.llama.com/llama3_1/license/", "Llama"),
        ("https://huggingface.co/meta-llama/Llama-3.1-8B/blob/main/LICENSE", "Llama"),
        *[(name, "Llama 3") for name in ("llama3", "llama-3", "meta-llama-3-community-license")],
        *[(name, None) for name in ("llama2", "Llama-2", "gemma", "Gemma Terms of Use", "https://ai.google.dev/gemma/terms")],
    ]:
        with subtests.test(stated=stated, prefix=prefix):
            (licence,) = find_licences([stated])
            assert (licence.prefix, bool(licence.notice)) == (prefix, True)


def test_a_merged_model_has_the_licences_of_all() -> None:
    read = read_front_matter("---\nlicense: [llama3.1, gemma, cc-by-nc-nd-4.0]\n---\n")
    assert len(find_licences(read.licences)) == 3


def test_licences_are_known_by_the_titles_of_their_texts() -> None:
    texts = {
        "Creative Commons Attribution-NonCommercial-NoDerivatives 4.0 International": True,
        "This work is licensed under CC BY-ND 4.0": True,
        "see https://creativecommons.org/licenses/by-nd/4.0/legalcode": True,
        "LLAMA 3.1 COMMUNITY\nLICENSE AGREEMENT": False,
        "Gemma Terms of Use": False,
    }
    for text, forbids in texts.items():
        assert [licence.forbids_derivatives for licence in find_licences_in_text(text)] == [forbids]
    assert find_licences_in_text("Apache License Version 2.0 ... derivative works ... Attribution-ShareAlike") == ()


# In the whole tool


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_model("llama", tmp_path_factory.mktemp("base") / "base")


@pytest.fixture
def base(model: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(model, tmp_path / "base"))


def edit(base: Path, recipe: Recipe = ABLATE, *, card: bool = True) -> Path:
    plan = plan_surgery(recipe, open_checkpoint(base))
    out = base.parent / "edited"
    apply_plan(plan, out, write_card=(lambda manifest, text: write_card(manifest, text, recipe=recipe)) if card else None)
    return out


BROKEN = "---\nlicense: {}\nauthor: @me\n---\n# Base\n"


def test_apply_says_that_it_could_not_take_the_metadata_over(base: Path, tmp_path: Path) -> None:
    (base / "README.md").write_text(BROKEN.format("cc-by-nd-4.0"))
    (tmp_path / "recipe.json").write_text(ABLATE.to_json())
    for more in (["--dry-run"], ["-o", str(tmp_path / "out")]):
        result = CliRunner().invoke(app, ["apply", str(tmp_path / "recipe.json"), str(base), *more])
        said = " ".join(result.stderr.split())
        assert result.exit_code == 0
        assert "metadata of the base's card can't be read" in said
        assert "'license: cc-by-nd-4.0', which still holds" in said
    assert any("can't be read" in note for note in Manifest.load(tmp_path / "out").notes)
    card = (tmp_path / "out/README.md").read_text()
    check_card(card)
    assert "```yaml\nlicense: cc-by-nd-4.0\nauthor: @me\n```" in card, "the reader still sees it"
    printed = CliRunner().invoke(app, ["card", str(tmp_path / "out")])
    assert "can't be read" in " ".join(printed.stderr.split())


@pytest.mark.parametrize(
    "card",
    [
        "---\nlicense: cc-by-nd-4.0\nbase_model: &a\n- a/b\nmerged_from: *a\n---\n",
        f"---\n{ND}widget:\n" + "- text: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\n" * 2500 + "---\n",
        "---\nlicense: cc-by-nd-4.0\n2024: x\n---\n",
        "\ufeff---\nlicense: cc-by-nd-4.0\n---\n",
        "---\nlicense: other\nlicense_name: CC-BY-NC-ND\nlicense_link: LICENSE\n---\n",
        "---\nlicense:\n- mit\n- cc-by-nd-4.0\n---\n",
    ],
    ids=["anchor", "long", "number", "mark", "other", "list"],
)
def test_a_licence_that_forbids_derivatives_is_kept_and_stops_push(card: str, base: Path) -> None:
    (base / "README.md").write_text(card)
    out = edit(base)
    check_card((out / "README.md").read_text())
    before, after = read_front_matter(card).metadata, read_front_matter((out / "README.md").read_bytes()).metadata
    assert {key: after[key] for key in before if key != "base_model"} == {k: v for k, v in before.items() if k != "base_model"}
    with pytest.raises(HubError, match="forbids sharing edited copies"):
        check_terms("me/edited", gather_contents(out).terms)


@pytest.mark.parametrize("card", [True, False], ids=["with our card", "without"])
@pytest.mark.parametrize(("licence", "said"), [("mit", "can't be read"), ("cc-by-nd-4.0", "forbids sharing edited copies")])
def test_metadata_that_can_not_be_read_stop_push(licence: str, said: str, card: bool, base: Path) -> None:
    (base / "README.md").write_text(BROKEN.format(licence))
    out = edit(base, card=card)
    with pytest.raises(HubError, match=said):
        check_terms("me/edited", gather_contents(out).terms)


def test_a_licence_that_its_user_wrote_into_the_card_counts_but_not_against_the_bases(base: Path) -> None:
    (base / "README.md").write_text(BROKEN.format("mit"))
    out = edit(base)
    card = (out / "README.md").read_text()
    (out / "README.md").write_text(card.replace("---\n", "---\nlicense: mit\n", 1))
    check_terms("me/edited", gather_contents(out).terms)
    (out / "headsurgery.base-card.md").unlink()
    shutil.rmtree(out)
    (base / "README.md").write_text(f"---\n{ND}---\n")
    out = edit(base)
    (out / "README.md").write_text("---\nlicense: mit\n---\n# mine\n")
    with pytest.raises(HubError, match="forbids sharing edited copies"):
        check_terms("me/edited", gather_contents(out).terms)


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("LICENSE", "Attribution-NoDerivatives 4.0 International", "forbids"),
        ("LICENCE.txt", "This model is under CC BY-NC-ND 4.0.", "forbids"),
        ("COPYING", "https://creativecommons.org/licenses/by-nd/4.0/", "forbids"),
        ("LICENSE.md", "My own licence.", "LICENSE.md is included"),
        ("LICENSE", "LLAMA 3.1 COMMUNITY LICENSE AGREEMENT", "Llama 3.1"),
    ],
)
@pytest.mark.parametrize("card", [None, "# Base\n", "---\ntags: [a]\n---\n"])
def test_a_file_licence_counts_where_no_card_names_one(name: str, text: str, said: str, card: str | None, base: Path) -> None:
    (base / name).write_text(text)
    if card is not None:
        (base / "README.md").write_text(card)
    terms = gather_contents(edit(base)).terms
    if said == "forbids":
        with pytest.raises(HubError, match="forbids sharing edited copies"):
            check_terms("me/edited", terms)
    else:
        check_terms("me/edited", terms)
        assert said in " ".join((*terms.notes, *(licence.name for licence in terms.licences)))


@pytest.mark.parametrize(
    "card",
    [
        "---\nLICENSE: CC-BY-ND-4.0\n---\n",
        "---\nLicense: cc-by-nc-nd-4.0\n---\n",
        "---\nlicence: cc-by-nd-4.0\n---\n",
        "---\nlicense: mit\n---\n---\nlicense: cc-by-nd-4.0\n---\n",
        "---\nmodel_card:\n  license: cc-by-nd-4.0\n---\n",
        "---\ndetails:\n- {name: x, license: [mit, cc-by-nd-4.0]}\n---\n",
        "---\ntags: [a, 'license:cc-by-nd-4.0']\n---\n",
        "---\nlicense: apache-2.0\nlicense_details: the texts are CC BY-ND\n---\n",
        "<!-- ours -->\n---\nlicense: cc-by-nd-4.0\n---\n",
        "# Model\n\n## License\n\nCC BY-ND 4.0\n",
        '+++\nlicense = "cc-by-nd-4.0"\n+++\n# Model\n',
    ],
)
def test_a_licence_counts_wherever_a_card_states_it(card: str, base: Path) -> None:
    (base / "README.md").write_text(card)
    with pytest.raises(HubError, match="forbids sharing edited copies"):
        check_terms("me/edited", gather_contents(edit(base)).terms)


@pytest.mark.parametrize(
    ("metadata", "file"),
    [
        ("license: other\nlicense_link: docs/agreement.txt", "docs/agreement.txt"),
        ("license: other\nlicense_link: ./AGREEMENT", "AGREEMENT"),
        ("license: other\nlicense_link: https://huggingface.co/a/b/blob/main/AGREEMENT.md#2", "AGREEMENT.md"),
        ("license: unknown", "LICENSE"),
        ("license: other", "LICENSES/model.txt"),
        ("license: other", "MODEL_LICENSE"),
        ("tags: [a]", "TERMS_OF_USE.md"),
    ],
)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_the_text_that_a_card_links_to_is_read(metadata: str, file: str, encoding: str, base: Path) -> None:
    (base / "README.md").write_text(f"---\n{metadata}\n---\n")
    (base / file).parent.mkdir(exist_ok=True)
    (base / file).write_text("Creative Commons Attribution-NoDerivatives 4.0 International", encoding=encoding)
    with pytest.raises(HubError, match="forbids sharing edited copies"):
        check_terms("me/edited", gather_contents(edit(base)).terms)


def test_a_licence_of_ones_own_is_pointed_at(base: Path) -> None:
    (base / "README.md").write_text("---\nlicense: other\nlicense_name: acme\n---\n")
    (base / "LICENSE").write_text("You shall not create derivative works of the Model.")
    terms = gather_contents(edit(base)).terms
    check_terms("me/edited", terms)
    assert any("LICENSE is included: check there whether" in note for note in terms.notes)


def test_any_number_of_blocks_is_read() -> None:
    card = read_front_matter("---\nlicense: mit\n---\n" * 3000)
    assert card.licences == ("mit",)
    assert any("second block" in note for note in card.notes)


def test_a_file_licence_does_not_count_against_a_card_that_names_one(base: Path) -> None:
    (base / "LICENSE").write_text("Attribution-NoDerivatives 4.0 International")
    (base / "README.md").write_text("---\nlicense: mit\n---\n")
    check_terms("me/edited", gather_contents(edit(base)).terms)


@pytest.mark.parametrize(
    "block",
    [
        "base_model: org/base",
        "base_model:\n  - org/base\n  - org/other",
        "base_model: [org/base]",
        "base_model:   # what it was made from\n  org/base",
        "x: &b org/base\nbase_model: *b",
        "'base_model': \"org/base\"",
        "2024: x\nbase_model: org/base",
        "widget:\n" + "- text: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\n" * 2500 + "base_model: org/base",
    ],
)
def test_audit_reads_the_name_of_a_base_with_the_same_parser(block: str, base: Path) -> None:
    (base / "README.md").write_text(f"\ufeff---\n{block}\n---\n")
    assert find_base(open_checkpoint(base)) == "org/base"


@pytest.mark.parametrize(
    "block", ["text: |\n  base_model: org/base", "x: '\n\n  base_model: org/base'", "base_model: {a: org/base}"]
)
def test_audit_takes_no_name_from_within_a_text(block: str, base: Path) -> None:
    (base / "README.md").write_text(f"---\n{block}\n---\n")
    assert find_base(open_checkpoint(base)) is None
