"""Compare two checkpoints head by head: `diff` finds what changed, `factor` the factor that explains it, `result` says it."""
