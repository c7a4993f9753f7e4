"""The same readers as in fuzz.py, with inputs that coverage guides: needs `pip install atheris`, which has wheels for Linux.

    python benchmarks/fuzz_guided.py KIND FOLDER -max_total_time=300 -timeout=2 -rss_limit_mb=500

KIND is one of fuzz.py's; FOLDER keeps what was found interesting. A crash, a hang or too much
memory ends it; the input is in a file.
"""

from __future__ import annotations

import random
import sys
import tempfile
import warnings
from pathlib import Path

import atheris

sys.path.insert(0, str(Path(__file__).parent.parent))

with atheris.instrument_imports(include=["headsurgery", "json"]):
    from tests.bench import Bench
    from tests.fuzzing import run
    from tests.readers import READERS, make_input


def main() -> None:
    """Run one kind."""
    kind, corpus = sys.argv[1], Path(sys.argv[2])
    warnings.simplefilter("ignore")
    bench = Bench(root=Path(tempfile.mkdtemp()) / "bench")
    corpus.mkdir(parents=True, exist_ok=True)
    for seed in range(200):
        (corpus / f"seed-{seed}").write_bytes(make_input(kind, bench, random.Random(seed)))
    atheris.Setup([sys.argv[0], str(corpus), *sys.argv[3:]], lambda data: run(lambda: READERS[kind](bench, data, random.Random(0))))
    atheris.Fuzz()


if __name__ == "__main__":
    main()
