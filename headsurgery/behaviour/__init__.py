"""What attribution and evaluation both read in a model's answers.

`marks` knows how models mark their thoughts, `replies` splits an answer into thoughts and reply, `reading` makes the text of an
answer out of token ids and finds what a template says of thoughts. Imports neither attribution nor evaluation.
"""
