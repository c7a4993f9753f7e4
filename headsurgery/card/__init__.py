"""The model card of an edited checkpoint: our metadata and our sections, followed by the base's card.

`metadata` combines the base's metadata and ours. `licences` knows what a base's licence requires. `sections` writes the text,
`picture` draws the heads, and `write` puts everything together. Nothing here talks to the Hub, loads torch, or knows paths of this
machine. A card is made from the manifest, the recipe, the base's card and, if given, an evaluation.
"""

from headsurgery.card.write import card_writer as card_writer
from headsurgery.card.write import write_card as write_card
