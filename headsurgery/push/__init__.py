"""Publish an edited checkpoint on the Hub in one commit, and send only what the Hub doesn't have.

`contents` gathers the files to send and makes missing ones (card, notice). `survey` looks at the target and the base on the Hub.
`plan` decides how each file gets there. `send` carries the plan out.

Invariants: only files that the manifest lists are sent. Files that somebody else wrote are not overwritten without `force`. No
change is visible before the commit, and the Hub refuses the commit if the branch has moved.
"""

from headsurgery.push.plan import PushPlan as PushPlan
from headsurgery.push.plan import plan_push as plan_push
from headsurgery.push.send import send as send
