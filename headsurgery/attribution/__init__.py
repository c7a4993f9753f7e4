"""Find the heads that carry a behaviour, and write them down as a recipe.

One short file per step of the paper: `ships` (section 3.2) and `sahara` (section 4). `run.attribute` is the one call that runs them
and makes the recipe, `settings` its choices, `scores` what it saw.
"""

from headsurgery.attribution.run import Attribution as Attribution
from headsurgery.attribution.run import attribute as attribute
