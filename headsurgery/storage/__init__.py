"""Where numbers lie: the safetensors format, and a checkpoint of one or many files.

`header` parses one file, `checkpoint` opens a whole one, `blocks` reads head blocks ahead, `foreign` and `sole_weights` refuse what
is no plain checkpoint, `copies` knows other copies of the weights. Nothing here imports torch.
"""
