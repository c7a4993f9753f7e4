"""The engine: it computes the final states of a model with each of many heads edited, for every query, exactly and fast.

`task` defines what is computed and `measures` what is stored of it. `plan` cuts a task into blocks, `local` runs blocks in this
process, and `sweep` puts the results together. A block runs as a `wave` of `variant_batch`es through the model's own `calls`, or
`whole`, and is collected in `parts`. `slices` sets how many rows run at a time. `shortcuts` lists what can be left out for a model,
which `probe` finds out. `linears` multiplies.
"""
