"""Measure what an edit does: generate answers, judge them, and report every figure with intervals and controls.

`records` holds the documents. `generate` and `endpoints` produce answers, the package `judges` reads them, `statistics` counts,
`damage` measures the cost, and `run.evaluate` does it all in one call. `report` shows the result.
"""
