"""The paper's experiments, one command each, every figure of ours beside the paper's.

`settings` reads what an experiment is (`recipes/paper/*.json`), `run.run_experiment` runs it: `plan` says what that costs,
`subject` holds a loaded model and asks it, `choice` finds heads. One file per kind of experiment: `ablations` (Tables 3, 5 and 7,
Fig. 4b, parameter shares), `overlaps` (Fig. 5), `transplant` (Fig. 6a). `counting` makes rows of answers, `write` the report.
"""
