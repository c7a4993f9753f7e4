"""Checkpoints as bytes: read, plan, edit, compare, restore. Nothing here imports torch or transformers.

`header` parses one safetensors file, `reader` a whole checkpoint, `anatomy` proves where its heads lie, `plan` resolves a recipe
against it, `surgery` carries a plan out, `diff` and `undo` look back.
"""
