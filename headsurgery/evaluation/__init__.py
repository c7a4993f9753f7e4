"""Measure what an edit does: generate answers, judge them, and put intervals and controls beside every figure.

`records` holds the documents, `generate` and `endpoint` make answers, the room `judges` reads them, `statistics` counts,
`damage` says what was lost, `run.evaluate` is the one call that does it all; `report` shows it.
"""
