"""The model card of an edited checkpoint: the base's card, kept, with our section above it and our metadata on top.

`metadata` inherits the base's and adds ours, `licences` says what a base's licence asks for, `sections` are the words, `picture`
draws the heads; `write` puts them together. Nothing here talks to the Hub, loads torch, or knows where anything lies on this
machine: a card is made of the manifest, the recipe, the base's card and, if given, an evaluation.
"""

from headsurgery.card.write import card_writer as card_writer
from headsurgery.card.write import write_card as write_card
