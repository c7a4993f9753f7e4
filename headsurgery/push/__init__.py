"""Publish an edited checkpoint on the Hub, in one commit, sending only what the Hub doesn't have.

`parcel` gathers what goes (and makes what is missing: card, notice), `survey` looks at what is there, `plan` decides how each file
travels, `send` does it. Invariants: nothing is sent that the manifest doesn't vouch for; nothing of a stranger's is overwritten
unasked; until the commit nobody sees a change, and the commit is refused if the repository moved meanwhile.
"""

from headsurgery.push.plan import PushPlan as PushPlan
from headsurgery.push.plan import plan_push as plan_push
from headsurgery.push.send import send as send
