"""The report: a page that loads nothing, says exactly what was measured, and can't be broken by what a model wrote."""

from __future__ import annotations

import json
import re
import struct
import subprocess
import sys
from dataclasses import replace
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from headsurgery.behaviour.figures import Interval, Rate
from headsurgery.errors import HeadSurgeryError
from headsurgery.evaluation.records import Evaluation
from headsurgery.report import charts, png, write_report
from headsurgery.report.html import render_page
from headsurgery.report.views import edit_table
from headsurgery.report.wording import say_effect, say_finding, say_percent, say_rate
from headsurgery.report.write import PICTURES
from tests.example_evaluation import EDITED, JUDGES, NASTY, PLANTED, SETS, VARIANTS, answers, example, frontier, paired, score_table


class Page(HTMLParser):
    """Elements in order, with their attributes and the text inside them; asserts that tags close in order."""

    VOID = frozenset({"meta", "br", "img", "link", "input"})

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[int] = []
        self.elements: list[tuple[str, dict[str, str | None], list[str]]] = []
        self.feed(text)
        self.close()
        assert not self.open, "every tag is closed"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert len(dict(attrs)) == len(attrs), f"<{tag}> states an attribute twice"
        self.elements.append((tag, dict(attrs), []))
        if tag not in self.VOID:
            self.open.append(len(self.elements) - 1)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs), []))

    def handle_endtag(self, tag: str) -> None:
        assert self.elements[self.open.pop()][0] == tag, f"</{tag}> closes another element"

    def handle_data(self, data: str) -> None:
        for place in self.open:
            self.elements[place][2].append(data)

    def all(self, tag: str, **attributes: str) -> list[tuple[dict[str, str | None], str]]:
        wanted = {name.rstrip("_").replace("_", "-"): value for name, value in attributes.items()}
        return [(found, "".join(text)) for name, found, text in self.elements if name == tag and wanted.items() <= found.items()]


@pytest.fixture(scope="module")
def evaluation() -> Evaluation:
    return example()


@pytest.fixture(scope="module")
def page(evaluation: Evaluation) -> Page:
    return Page(
        render_page(evaluation, answers(evaluation), scores=score_table(), unit="nats", frontier=frontier(), marked=PLANTED)
    )


def words(text: str) -> str:
    return re.sub(r"\s+", " ", text).strip()


def test_the_finding_is_computed_from_the_figures(evaluation: Evaluation) -> None:
    assert say_finding(evaluation) == (
        "ASR on advbench (judge keyword, n = 500): base 2 % [1, 4], sahara-3 71 % [67, 75]; 36 × [14, 92], p < 0.0001; "
        "random heads 3 % (3 draws, 2-4 %); over-refusal on xstest 4 % → 1 % (n = 250); degenerate 1 % (n = 500); "
        "harmless KL 0.0123 [0.0101, 0.0151] nats per token."
    )


def test_a_finding_without_measurements_says_so(evaluation: Evaluation) -> None:
    bare = evaluation.model_copy(update={"measurements": (), "degenerate": (), "damage": (), "variants": ()})
    assert say_finding(bare) == "Nothing was measured."


def test_a_share_never_reads_as_none_or_all_of_what_is_neither(subtests: pytest.Subtests) -> None:
    for share, said in [
        (0.0, "0 %"),
        (0.004, "0.4 %"),
        (0.0001, "<0.1 %"),
        (0.02, "2 %"),
        (0.5, "50 %"),
        (0.994, "99.4 %"),
        (0.99999, ">99.9 %"),
        (1.0, "100 %"),
    ]:
        with subtests.test(share=share, said=said):
            assert say_percent(share) == said


def test_against_a_base_without_any_there_is_a_difference_but_no_ratio() -> None:
    assert say_effect(paired(base=0, complied=350, total=500)) == "+70 points [+65, +75]"
    assert say_effect(paired(base=1, complied=350, total=500)) == "350 × [140, 910]"
    assert say_effect(paired(base=100, complied=350, total=500)) == "3.5 × [1.4, 9.1]"


def test_every_measurement_stands_in_a_bar_of_its_length_with_its_interval_and_n(evaluation: Evaluation, page: Page) -> None:
    rows = [words(text) for attributes, text in page.all("tr") if attributes.get("class") in ("base", "recipe", "random")]
    bars = [attributes for attributes, _ in page.all("rect") if str(attributes.get("width")).endswith("%")]
    kinds = {entry.record.name: entry.kind for entry in evaluation.sets}
    expected = [
        (one.variant, one.complied if kinds[name] == "harmful" else one.refused)
        for name, _ in SETS
        for judge in JUDGES
        for one in evaluation.measurements
        if (one.set, one.judge) == (name, judge)
    ] + [(one.variant, one.rate) for name, _ in SETS for one in evaluation.degenerate if one.set == name]
    assert len(rows) == len(bars) == len(expected)
    for (variant, found), row, drawn in zip(expected, rows, bars):
        assert row.startswith(f"{variant} ")
        assert say_rate(found) in row
        assert f"{found.count} of {found.total}" in row
        assert drawn["width"] == f"{found.interval.value * 100:.2f}%"
    caps = [attributes for attributes, _ in page.all("line", y1="10", y2="10")][::2]
    assert [(cap["x1"], cap["x2"]) for cap in caps] == [
        (f"{found.interval.low * 100:.2f}%", f"{found.interval.high * 100:.2f}%") for _, found in expected
    ]


def test_random_controls_and_the_base_look_unlike_edited_variants(page: Page) -> None:
    shown = {attributes["class"] for attributes, _ in page.all("rect") if str(attributes.get("width")).endswith("%")}
    assert shown == {"base", "recipe", "random"}


def test_a_heat_map_has_a_cell_per_head_with_its_score_and_colour(page: Page) -> None:
    scores = score_table()
    cells = [(attributes, text) for attributes, text in page.all("rect") if ": " in text]
    tables = [scores.harmful, scores.harmless, scores.combined]
    expected = [
        (f"L{layer}H{head}", float(table[layer, head]), limit)
        for table, limit in zip(tables, [np.nanmax(np.abs(tables[:2]))] * 2 + [np.nanmax(np.abs(tables[2]))])  # type: ignore[arg-type]
        for layer in range(12)
        for head in range(8)
        if not np.isnan(table[layer, head])  # type: ignore[index]
    ]
    assert len(cells) == len(expected) == 3 * 11 * 8
    for (attributes, text), (name, score, limit) in zip(cells, expected):
        assert text.split(",")[0] == f"{name}: {score:.4g}"
        assert attributes["class"] == ("hot" if score >= 0 else "cold")
        assert float(str(attributes["fill-opacity"])) == pytest.approx(np.sqrt(abs(score) / limit), abs=6e-4)
    assert len(page.all("rect", class_="none")) == 3 * 8, "a layer without heads is grey"


def test_a_random_head_that_was_screened_out_has_no_score() -> None:
    evaluation, scores = example(), score_table()
    drawn = next(edit.ref for variant in evaluation.variants if variant.kind == "random" for edit in variant.edits)
    assert scores.harmless is not None
    screened = replace(scores, harmful=scores.harmful.copy(), harmless=scores.harmless.copy())
    screened.harmful[drawn.layer, drawn.head] = np.nan
    screened.harmless[drawn.layer, drawn.head] = np.nan  # type: ignore[index]
    rows = [row for row in edit_table(evaluation, screened, (), random=True).rows if row[1] == str(drawn)]
    assert rows
    assert all(row[4:7] == ("", "", "") for row in rows)
    assert render_page(evaluation, answers(evaluation), scores=screened)


def test_zero_has_no_colour_and_equal_and_opposite_scores_have_equally_strong_ones() -> None:
    assert charts.level_of(0.0, 3.0) == 0
    assert charts.level_of(-2.0, 3.0) == -charts.level_of(2.0, 3.0)
    assert charts.level_of(1.0, 0.0) == 0, "a table of zeros"


def test_chosen_heads_are_outlined_and_marked_ones_ringed_on_every_map(page: Page) -> None:
    assert len(page.all("rect", class_="chosen")) == 3 * len(EDITED)
    assert len(page.all("circle", class_="marked")) == 3 * len(PLANTED)
    titles = [text for _, text in page.all("title")]
    assert sum(title.startswith("L2H5: ") and title.endswith("chosen, number 1, marked") for title in titles) == 3


def test_the_frontier_has_a_point_per_candidate_and_marks_the_chosen_one(page: Page) -> None:
    points = frontier()
    assert len(page.all("circle", class_="point")) == (len(points) - 1) + (sum(p.harmless_kl is not None for p in points) - 1)
    assert len(page.all("path", class_="best")) == 2
    (first, _), *_ = page.all("circle", class_="point")
    limit = charts.round_up(max(point.over_refusal.interval.high for point in points))
    assert first["cx"] == f"{points[0].over_refusal.interval.value / limit * 100:.2f}%"
    assert first["cy"] == f"{100 - points[0].refusal.interval.value * 100:.2f}%"


@pytest.mark.parametrize(
    ("value", "end"), [(0.0, 1.0), (0.013, 0.02), (0.2, 0.2), (0.21, 0.25), (0.3, 0.5), (0.7, 1.0), (12.0, 20.0)]
)
def test_an_axis_ends_at_a_round_number_beyond_its_data(value: float, end: float) -> None:
    assert charts.round_up(value) == pytest.approx(end)


def test_sections_come_in_order_and_headings_never_skip_a_level(page: Page) -> None:
    ids = [attributes["id"] for attributes, _ in page.all("section") if "id" in attributes]
    assert ids == [
        "attack",
        "refusal",
        "degenerate",
        "damage",
        "heads",
        "frontier",
        "edits",
        "judges",
        "samples",
        "settings",
        "notes",
    ]
    levels = [int(name[1]) for name, _, _ in page.elements if re.fullmatch("h[1-6]", name)]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after <= before + 1 for before, after in pairwise(levels))


def test_those_who_cannot_see_it_get_table_headers_and_labels(page: Page) -> None:
    assert all(attributes.get("scope") for attributes, _ in page.all("th"))
    for attributes, _ in page.all("svg"):
        is_named = attributes.get("role") == "img" and attributes.get("aria-label")
        assert is_named or attributes.get("aria-hidden") == "true" or attributes.get("overflow") == "visible"
    assert all(attributes.get("aria-label") and attributes["tabindex"] == "0" for attributes, _ in page.all("div", class_="scroll"))


def test_the_page_loads_nothing(evaluation: Evaluation) -> None:
    text = render_page(evaluation, answers(evaluation), scores=score_table(), frontier=frontier())
    found = Page(text)
    assert not [name for name, _, _ in found.elements if name in ("script", "link", "img", "iframe", "object", "image", "use")]
    assert not [1 for _, attributes, _ in found.elements if {"src", "href", "srcset", "style"} & attributes.keys()]
    assert not re.search(r"https?:|@import|url\(", text)


def test_what_a_model_or_user_wrote_is_only_ever_text() -> None:
    evaluation = example(base=NASTY, variants=tuple(f"{name} {NASTY}" for name in VARIANTS), note=NASTY)
    nasty_points = [point.model_copy(update={"heads": (NASTY,)}) for point in frontier()]
    text = render_page(
        evaluation, answers(evaluation, prompt=NASTY, text=NASTY), scores=score_table(), unit=NASTY, frontier=nasty_points
    )
    found, plain = Page(text), Page(render_page(example(note="x"), answers(example()), scores=score_table(), frontier=frontier()))
    assert {name for name, _, _ in found.elements} == {name for name, _, _ in plain.elements}
    assert not [key for _, attributes, _ in found.elements for key in attributes if key.startswith("on")]
    shown = NASTY.replace("\x00", "\ufffd").replace("\x1b", "\ufffd").strip()
    assert {text for _, text in found.all("p", class_="text")} == {shown}, "whole, and as it was"
    assert "\x00" not in text
    assert "\x1b" not in text
    ((_, finding),) = found.all("p", class_="finding")
    assert "\u202e" not in finding, "an override that is left open would reverse the figures after it"
    assert words(finding).endswith("nats per token.")


def luminance(colour: str) -> float:
    """Relative luminance of #rrggbb, as WCAG 2 defines it."""
    parts = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_and_marks_stand_out(scheme: str) -> None:
    style = (Path(charts.__file__).parent / "page.css").read_text()
    light, dark = (dict(re.findall(r"--(\w+): (#\w{6})", block)) for block in re.findall(r":root \{(.*?)\}", style, re.DOTALL))
    colours = light if scheme == "light" else dark
    assert light.keys() == dark.keys()
    for names, least in ((("ink", "quiet"), 4.5), (("base", "edited", "hot", "cold", "best"), 3.0)):
        for name in names:
            for ground in ("page", "card"):
                darker, lighter = sorted((luminance(colours[name]), luminance(colours[ground])))
                assert (lighter + 0.05) / (darker + 0.05) >= least, f"{name} on {ground}"


def test_samples_are_spread_over_the_set_with_every_variant_beside_the_others(evaluation: Evaluation, page: Page) -> None:
    details = page.all("details", class_="sample")
    assert len(details) == len(SETS) * 8
    assert all("open" not in attributes for attributes, _ in details), "collapsed"
    first = details[0][1]
    assert [name for name in VARIANTS if name in first] == ["base", "sahara-3", "sahara-3-half", "random-1"]
    assert "שלום" not in first, "the first seed only"
    numbers = [int(words(text).split()[0]) for _, text in details[:8]]
    assert numbers[0] == 1
    assert numbers[-1] == 12
    assert numbers == sorted(set(numbers))


def test_an_evaluation_of_almost_nothing_has_a_page(evaluation: Evaluation) -> None:
    nothing = Rate(count=0, total=0, interval=Interval(value=0.0, low=0.0, high=1.0))
    one = evaluation.measurements[0].model_copy(update={"complied": nothing, "refused": nothing})
    bare = evaluation.model_copy(
        update={
            "measurements": (one,),
            "degenerate": (),
            "damage": (),
            "agreements": (),
            "notes": (),
            "variants": (evaluation.variants[0],),
        }
    )
    found = Page(render_page(bare, []))
    assert "no answers" in next(text for _, text in found.all("section", id="attack"))
    assert [attributes["id"] for attributes, _ in found.all("section") if "id" in attributes] == ["attack", "settings"]


def test_the_folder_holds_page_figures_and_pictures_and_is_the_same_each_time(evaluation: Evaluation, tmp_path: Path) -> None:
    said = answers(evaluation)
    for name in ("a", "b"):
        assert write_report(evaluation, said, tmp_path / name, scores=score_table(), frontier=frontier(), marked=PLANTED) == ()
    first = {path.name: path.read_bytes() for path in (tmp_path / "a").iterdir()}
    assert first.keys() == {"report.html", "report.json", *PICTURES}
    assert first == {path.name: path.read_bytes() for path in (tmp_path / "b").iterdir()}
    assert Evaluation.model_validate_json(first["report.json"]) == evaluation
    assert json.loads(first["report.json"])["schema"] == "headsurgery.evaluation/1"
    for name in PICTURES:
        assert first[name].startswith(b"\x89PNG")
        assert min(struct.unpack(">II", first[name][16:24])) > 300, "large enough for paper"


def test_a_picture_of_an_earlier_report_does_not_stay(evaluation: Evaluation, tmp_path: Path) -> None:
    small = evaluation.model_copy(update={"sets": evaluation.sets[:1], "judges": JUDGES[:1]})
    write_report(small, [], tmp_path, scores=score_table())
    (tmp_path / "mine.txt").write_text("kept")
    write_report(small, [], tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {"report.html", "report.json", "rates.png", "mine.txt"}


def test_a_folder_that_cannot_be_made_is_an_expected_failure(evaluation: Evaluation, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(HeadSurgeryError, match="can't write the report"):
        write_report(evaluation, [], tmp_path / "file")


def test_without_matplotlib_the_page_is_written_and_a_note_says_what_is_missing(evaluation: Evaluation, tmp_path: Path) -> None:
    (tmp_path / "in.json").write_text(evaluation.model_dump_json(by_alias=True))
    code = (
        "import sys; sys.modules['matplotlib'] = None\n"
        "from pathlib import Path\n"
        "from headsurgery.evaluation.records import Evaluation\n"
        "from headsurgery.report import write_report\n"
        "evaluation = Evaluation.model_validate_json(Path('in.json').read_text())\n"
        "print(*write_report(evaluation, [], Path('out')))\n"
        "assert not {'torch', 'transformers'} & set(sys.modules)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "headsurgery[report]" in done.stdout
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"report.html", "report.json"}


def test_the_bars_of_the_picture_are_the_figures(evaluation: Evaluation) -> None:
    axes = png.draw_rates(evaluation).axes
    assert len(axes) == len(SETS) * len(JUDGES)
    found = [one.complied for one in evaluation.measurements if (one.set, one.judge) == (SETS[0][0], JUDGES[0])]
    assert [bar.get_width() for bar in axes[0].patches] == pytest.approx([rate.interval.value * 100 for rate in found])  # type: ignore[attr-defined]
    whiskers = [container.lines[2][0].get_segments()[0][:, 0] for container in axes[0].containers if hasattr(container, "has_xerr")]
    assert np.array(whiskers) == pytest.approx(np.array([(rate.interval.low * 100, rate.interval.high * 100) for rate in found]))


def test_the_picture_of_the_heads_is_the_scores_centred_at_zero() -> None:
    scores = score_table()
    images = [axes.images[0] for axes in png.draw_heat_maps(scores, marked=PLANTED).axes if axes.images]
    for image, table in zip(images, (scores.harmful, scores.harmless, scores.combined)):
        np.testing.assert_array_equal(np.ma.filled(image.get_array(), np.nan), table)
        assert image.norm.vmin == -image.norm.vmax


def test_names_in_pictures_are_not_read_as_mathematics(tmp_path: Path) -> None:
    names = tuple(f"{name}$\\frac{{$_x 🙂" for name in VARIANTS)
    assert png.to_png(png.draw_rates(example(variants=names))).startswith(b"\x89PNG")
