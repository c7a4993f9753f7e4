"""Live models: the only place that loads them. `loading` opens them, `modules` finds their heads, `hooks` edits, `sweep` runs."""
