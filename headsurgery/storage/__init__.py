"""Where numbers lie: stores, which know containers, and codecs, which know number formats.

A store finds a checkpoint's tensors in its files (`safetensors`, with `header` for one file; `gguf`); `tensors` says where their
bytes are, `block_types` which elements of a GGUF file are stored together.
`checkpoint` opens a whole checkpoint, `codecs` reads and changes its numbers, `blocks` reads head blocks ahead. `foreign` and
`sole_weights` refuse what is no plain checkpoint, `copies` knows other copies of the weights. Nothing here imports torch.
"""
