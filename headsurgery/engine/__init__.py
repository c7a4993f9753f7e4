"""The engine. For many heads and every query, it computes the model's final states with that head edited, exactly and fast.

`task` defines what is computed and `measures` what is stored of it. `plan` cuts a task into blocks, `local` runs blocks in this
process, and `sweep` puts the results together. A block runs as a `wave` of `variant_batch`es through the model's own `calls`, or
`whole`, and `parts` collects its results. `slices` sets how many rows run at a time. `shortcuts` lists what can be left out for a
model, and `probe` finds that out. `model.linears` multiplies.
"""
