"""Judges: each reads answers and says refused, complied or unclear.

`protocol` says what a judge is, and `registry` finds one by its spec. `keyword` and `paper` are pure Python and quick.
`degenerate` finds nonsense, which no judge judges.
`classifier` runs one of `models`, and `rubric` asks a model at a server.
Nothing heavy is imported before a judge that needs it is loaded.
"""

from headsurgery.judges.protocol import Judge as Judge
from headsurgery.judges.protocol import JudgeKind as JudgeKind
from headsurgery.judges.protocol import JudgeResources as JudgeResources
from headsurgery.judges.registry import check_judge as check_judge
from headsurgery.judges.registry import load_judge as load_judge
