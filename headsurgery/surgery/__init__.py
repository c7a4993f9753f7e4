"""Edit a checkpoint's bytes: plan, apply, verify, restore, also in place.

`plan` resolves a recipe, `apply` executes exactly that plan, `manifest` says what was done, `undo` and `restore` take it back,
`verify` proves it, `history` keeps the steps. Nothing here imports torch.
"""
