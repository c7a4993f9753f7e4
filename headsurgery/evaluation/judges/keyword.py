"""Where the keyword judge was in version 0.1, for scripts that import it from here."""

from headsurgery.judges.keyword import KeywordJudge as KeywordJudge
from headsurgery.judges.keyword import find_refusal as find_refusal
