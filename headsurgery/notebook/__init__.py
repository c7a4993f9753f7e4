"""The tool as a person at a notebook uses it: names and paths in, objects that show themselves out.

`live` holds a loaded model. `files` has what works on checkpoints and files alone, and loads no torch. `places` remembers where the
base of a recipe lies. Everything here is a few calls of the rooms below, which offer more choices. `headsurgery` itself exports the
names.
"""
