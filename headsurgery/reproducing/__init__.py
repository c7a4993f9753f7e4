"""Run again what a recipe or a report records, and say what differs.

`documents` reads what was recorded, `sources` finds its base, prompts and template again, `run.reproduce` is the one call that does
it all, and `differences` compares the old document with the new one. `options` says what the user can give of what isn't recorded.
"""
