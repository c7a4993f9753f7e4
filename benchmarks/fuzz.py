"""Damaged headers, indexes, recipes, manifests, undo files, configurations, cards, scores, prompt files and chat templates, read by
everything that reads them.

    python benchmarks/fuzz.py --count 10000 [--kinds header,index] [--seed 0] [--keep FOLDER]
    python benchmarks/fuzz.py --count 600 --kinds model-config,tokenizer,tokenizer-config,chat-template,generation

The kinds of the second line damage a tiny model's files and run it, with torch; they are not among the default.

Every input must be read, or refused with a HeadSurgeryError: within 2 s of processor time (10 s where a model runs), in less than
300 MB (600 MB) beyond the start, and with no write but below the sandbox's own folder. Exit 1 where one was not; `--keep` has its
bytes.
"""

from __future__ import annotations

import argparse
import os
import resource
import signal
import sys
import tempfile
import time
import traceback
import warnings
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent.parent))

from tests.bench import Bench
from tests.fuzzing import run
from tests.readers import READERS
from tests.readers import prepare as prepare_file

SECONDS, MEMORY = 2.0, 300 * 2**20
_MODEL_SECONDS, _MODEL_MEMORY = 10.0, 600 * 2**20
"""The same where a model is loaded and run: within this, transformers' own modules are imported, too."""
_WRITES = {"os.mkdir": (0,), "os.rename": (0, 1), "os.remove": (0,), "os.rmdir": (0,), "os.link": (1,), "os.symlink": (1,)}


class Hang(BaseException):
    """Too slow."""


class Escape(BaseException):
    """A write outside."""


def watch(sandbox: Path) -> None:
    """Raise Escape on every write outside a folder."""
    root = os.path.realpath(sandbox)

    def check(path: Any) -> None:
        if isinstance(path, str | bytes | os.PathLike):
            real = os.path.realpath(os.fsdecode(path))
            if real != root and not real.startswith(root + os.sep):
                raise Escape(real)

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        if event == "open" and isinstance(arguments[2], int) and arguments[2] & (os.O_WRONLY | os.O_RDWR | os.O_CREAT):
            check(arguments[0])
        is_relative = event in ("os.remove", "os.rmdir") and arguments[1] >= 0  # to an open folder, as shutil.rmtree does it
        for position in () if is_relative else _WRITES.get(event, ()):
            check(arguments[position])

    sys.addaudithook(hook)


def memory() -> int:
    """Peak so far, in bytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def fuzz(kind: str, root: Path, seeds: range, keep: Path | None) -> Counter[str]:
    """Outcomes; each failure is told once for each place that it comes from."""
    prepare, seconds, most = _opened(kind, root)
    outcomes: Counter[str] = Counter()
    told: set[str] = set()
    prepare(seeds.start)  # what is imported for a kind is not its inputs' memory
    start = memory()
    for seed in seeds:
        data, read = prepare(seed)
        signal.setitimer(signal.ITIMER_PROF, seconds)
        try:
            outcome = run(read)
            if memory() - start > most:
                start = memory()
                raise MemoryError
        except KeyboardInterrupt:
            raise
        except BaseException as error:
            signal.setitimer(signal.ITIMER_PROF, 0)
            frames = [frame for frame in traceback.extract_tb(error.__traceback__) if "headsurgery/" in frame.filename]
            place = f"{frames[-1].filename.rpartition('headsurgery/')[2]}:{frames[-1].lineno}" if frames else "?"
            outcome = f"FAILED {type(error).__name__} at {place}"
            if outcome not in told:
                told.add(outcome)
                os.write(2, f"{kind} {seed}: {outcome}: {str(error)[:300]}\n".encode(errors="backslashreplace"))
                if keep is not None:
                    keep.joinpath(f"{kind}-{seed}.bin").write_bytes(data)
                    keep.joinpath(f"{kind}-{seed}.txt").write_text(
                        "".join(traceback.format_exception(error)), errors="backslashreplace"
                    )
        finally:
            signal.setitimer(signal.ITIMER_PROF, 0)
        outcomes[outcome] += 1
    return outcomes


def _opened(kind: str, root: Path) -> tuple[Callable[[int], tuple[bytes, Callable[[], object]]], float, int]:
    """What makes an input of a kind from a seed, with its reader; and the limits of time and memory."""
    if kind in READERS:
        bench = Bench(root=root / "bench" / kind)
        return lambda seed: prepare_file(kind, bench, seed), SECONDS, MEMORY
    from tests.strange_models import ModelBench, prepare

    models = ModelBench(root=root / "models" / kind)
    return lambda seed: prepare(kind, models, seed), _MODEL_SECONDS, _MODEL_MEMORY


def main() -> int:
    """Run all kinds."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=10_000, help="inputs of each kind")
    parser.add_argument("--kinds", default=",".join(READERS))
    parser.add_argument("--seed", type=int, default=0, help="the first one")
    parser.add_argument("--keep", type=Path, help="folder for tracebacks; made before the sandbox closes")
    options = parser.parse_args()

    def hang(number: int, frame: Any) -> None:
        raise Hang

    signal.signal(signal.SIGPROF, hang)
    warnings.simplefilter("ignore")  # numpy's, of overflows
    failed = 0
    with tempfile.TemporaryDirectory() as folder:
        if options.keep is not None:
            options.keep.mkdir(parents=True, exist_ok=True)
        else:
            os.environ["TORCHINDUCTOR_CACHE_DIR"] = str(Path(folder) / "inductor")  # torch makes it as it is imported
            watch(Path(folder))
        for kind in options.kinds.split(","):
            begin = time.monotonic()
            outcomes = fuzz(kind, Path(folder), range(options.seed, options.seed + options.count), options.keep)
            failed += sum(count for outcome, count in outcomes.items() if outcome.startswith("FAILED"))
            print(
                f"{kind}: {sum(outcomes.values()):,} inputs in {time.monotonic() - begin:.0f} s: {dict(outcomes.most_common())}",
                flush=True,
            )
    print(f"peak memory {memory() / 2**20:.0f} MB; {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
