"""What was done to a checkpoint's attention heads: against its base (`against`), or from itself alone (`blind`).

`grain` and `norms` are the two statistics of the blind examination, `records` what comes out. docs/audit.md has measured rates.
"""

from headsurgery.audit.against import examine_against as examine_against
from headsurgery.audit.blind import examine as examine
from headsurgery.audit.records import Audit as Audit
from headsurgery.audit.records import Finding as Finding
