"""Edit a checkpoint in place, or undo edits in place: without a copy, and recoverable after any crash.

This is the one exception from law 1 (the base is never written). It happens only if the caller asks for it, and only to files that
are not shared with other directories.
"""

from headsurgery.surgery.in_place.editing import apply_in_place as apply_in_place
from headsurgery.surgery.in_place.editing import check_in_place as check_in_place
from headsurgery.surgery.in_place.journal import recover as recover
from headsurgery.surgery.in_place.restoring import restore_in_place as restore_in_place
