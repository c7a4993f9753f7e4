"""Write a checkpoint again as an older transformers writes it. Runs in that version's environment; arguments FROM TO.

The older version does not know where transformers 5 keeps the base of the rotary embedding, nor its tokenizer class.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from transformers import AutoModelForCausalLM, PreTrainedTokenizerFast

source, target = map(Path, sys.argv[1:])
theta = json.loads((source / "config.json").read_text())["rope_parameters"]["rope_theta"]
model = AutoModelForCausalLM.from_pretrained(source, dtype="auto", rope_theta=theta)
model.save_pretrained(target)
PreTrainedTokenizerFast.from_pretrained(source).save_pretrained(target)
