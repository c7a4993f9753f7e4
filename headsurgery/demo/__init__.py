"""The demo: a small chat model whose safety heads are known, and the complete workflow on it.

`planting` trains refusal into given heads, `adapter` stores the result, `fetch` makes the model, and `run` runs the workflow.
"""
