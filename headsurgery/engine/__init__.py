"""The engine: final states of a model with each of many heads edited, for every query, as fast and as far as the hardware goes.

`task` says what is asked, `plan` cuts it into blocks, `local` runs them in this process, `sweep` puts the pieces together; `wave`,
`lanes` and `calls` are how one block runs, `shortcuts` what the model lets us leave out.
"""
