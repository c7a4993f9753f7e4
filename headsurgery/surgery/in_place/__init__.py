"""Edit a checkpoint where it lies, or undo that there: without a copy, and whole again after any crash.

The one exception from law 1 (the base is never written): only if the caller asks for it, and only files that are nobody else's.
"""

from headsurgery.surgery.in_place.editing import apply_in_place as apply_in_place
from headsurgery.surgery.in_place.editing import check_in_place as check_in_place
from headsurgery.surgery.in_place.journal import recover as recover
from headsurgery.surgery.in_place.restoring import restore_in_place as restore_in_place
