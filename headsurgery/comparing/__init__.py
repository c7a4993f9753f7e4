"""Compare two checkpoints head by head: `diff` finds what changed, `factor` recovers a factor, `result` is what they return."""
