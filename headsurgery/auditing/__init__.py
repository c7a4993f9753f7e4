"""Find out what was done to a checkpoint's attention heads, by comparison with its base (`against`) or from the checkpoint alone
(`blind`).

`significands` and `norms` are the two statistics of the blind examination, and `records` are the results. docs/audit.md has
measured rates.
"""

from headsurgery.auditing.against import examine_against as examine_against
from headsurgery.auditing.blind import examine as examine
from headsurgery.auditing.records import Audit as Audit
from headsurgery.auditing.records import Finding as Finding
