"""The engine: final states of a model with each of many heads edited, for every query, as fast and as far as the hardware goes.

`task` says what is asked and `measures` what is kept, `plan` cuts it into blocks, `local` runs them in this process, `sweep` puts
the pieces together. One block runs as a `wave` of `lanes` by the model's own `calls`, or `whole`, and comes out in `parts`;
`slices` say how much at a time, `shortcuts` what the model lets us leave out, which `probe` finds out; `linears` multiply.
"""
