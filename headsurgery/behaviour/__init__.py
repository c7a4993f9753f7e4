"""How the answers of a model are read. Attribution and evaluation both need it.

`marks` knows how models mark their thoughts, `replies` splits an answer into thoughts and reply, and `reading` decodes token ids
and finds out what a template says about thoughts. Nothing here imports attribution or evaluation.
"""
