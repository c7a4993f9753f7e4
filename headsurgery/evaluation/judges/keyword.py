"""The former place of the keyword judge, in version 0.1. It is still here for scripts that import it."""

from headsurgery.judges.keyword import KeywordJudge as KeywordJudge
from headsurgery.judges.keyword import find_refusal as find_refusal
