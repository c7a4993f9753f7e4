"""Edit a checkpoint's bytes: plan, apply, verify, restore, also in place.

`plan` resolves a recipe, and `apply` executes exactly that plan. `manifest` records what was done, `undo` and `restore` reverse it,
`verify` checks it, and `history` keeps the steps. Nothing here imports torch.
"""
