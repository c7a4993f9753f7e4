"""Score exactly only the heads that may matter, and say how far the ranking can be trusted.

`gradients` finds first-order effects of all heads at once, `estimates` turns them into scores, `screener` selects the best, and
`account` uses a random sample of the others to say what may have been missed.
"""
