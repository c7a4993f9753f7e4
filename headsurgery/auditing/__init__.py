"""What was done to a checkpoint's attention heads: against its base (`against`), or from itself alone (`blind`).

`grain` and `norms` are the two statistics of the blind examination, `records` what comes out. docs/audit.md has measured rates.
"""

from headsurgery.auditing.against import examine_against as examine_against
from headsurgery.auditing.blind import examine as examine
from headsurgery.auditing.records import Audit as Audit
from headsurgery.auditing.records import Finding as Finding
