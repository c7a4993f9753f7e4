"""The demo: a small chat model whose safety heads are known, and the whole claim shown on it.

`planting` trains refusal into given heads, `adapter` keeps the result, `fetch` makes the model, `run` does the job.
"""
