"""Score exactly only those heads that may matter, and say how far the ranking is to be trusted.

`gradients` finds first-order effects of all heads at once, `estimates` makes scores of them, `screener` lets the best through, and
`account` says from a random sample of the others what may have been missed.
"""
