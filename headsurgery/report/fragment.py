"""Scores, curves and stability as pieces of HTML that stand by themselves, for a notebook.

The heat map is that of `charts`, with its colours.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from markupsafe import Markup

from headsurgery.heads import HeadRef
from headsurgery.report.charts import heat_map, legend, say_scale, scale_of
from headsurgery.report.curve import say_title, tabulate_curve

if TYPE_CHECKING:
    from headsurgery.attribution.scores import ScoreTable
    from headsurgery.recipe import Curve, Stability

_LISTED = 10
_STYLE = Markup(
    "<style>.headsurgery .heat,.headsurgery .legend{display:block}.headsurgery .hot{fill:#b2182b}.headsurgery .cold{fill:#2166ac}"
    ".headsurgery .none{fill:#8884}.headsurgery .chosen{fill:none;stroke:currentColor;stroke-width:2}"
    ".headsurgery text{font:11px sans-serif;fill:currentColor}.headsurgery .map{overflow:auto;max-height:32em}</style>"
)


def show_scores(scores: ScoreTable) -> str:
    """A heat map of the scores that heads are ranked by, chosen heads outlined, and the best heads below it."""
    table, scale = scores.combined, scale_of(scores.combined)
    unit = "" if scores.unit is None else f", in {scores.unit}".replace(", in of ", ", of ")  # nats, degrees; of the factor
    words = f"{scores.method or 'scores'}{unit}: {say_scale(table, scale)}"
    chosen = [HeadRef(score.layer, score.head) for score in scores.chosen]
    picture = heat_map(table, scale=scale, label=f"Scores by layer and head, {words}", chosen=chosen)
    made = Markup('{}<div class="headsurgery"><p>{}</p><div class="map">{}</div>{}</div>').format(
        _STYLE, words, picture, legend(table, scale)
    )
    return str(made) + scores.heads[:_LISTED]._repr_html_()


def show_curve(curve: Curve) -> str:
    """A table of the groups of heads, and what it says in a sentence."""
    said = Markup("<p>{}</p>{}<p>{}.</p>").format(say_title(curve), Markup(tabulate_curve(curve)._repr_html_()), curve.why)
    return str(said)


def show_stability(stability: Stability) -> str:
    """How often the search finds each head of the recipe again, and what that says."""
    heads = [HeadRef(one.layer, one.head) for one in stability.heads]
    rows = Markup("").join(Markup("<tr><td>{}</td><td>{}</td></tr>").format(str(head), stability.say_head(head)) for head in heads)
    table = Markup("<table><tr><th>head</th><th>found again</th></tr>{}</table>").format(rows)
    return str(Markup("{}<p>{}.</p>").format(table if stability.resamples else "", stability.say()))
