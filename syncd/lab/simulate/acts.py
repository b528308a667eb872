"""The kinds of event of a simulated day, and one event of a scenario."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

SYSTEMS = ("crm", "clinic", "legacy")


class EventKind(StrEnum):
    """What can happen on a simulated day. The values appear in traces and counts."""

    BOOK = "book"
    TWIN = "twin"
    MOVE = "move"
    CANCEL = "cancel"
    DELETE = "delete"
    REASSIGN = "reassign"
    BLOCK = "block"
    MOVE_BLOCK = "move-block"
    REMOVE_BLOCK = "remove-block"
    EDIT_OURS = "edit-ours"
    REMOVE_OURS = "remove-ours"
    FILL = "fill"
    WIPE = "wipe"
    SHIFT = "shift"
    RENAME_USER = "rename-user"
    HIDE_USERS = "hide-users"
    STATUS = "status"
    TWIN_AS = "twin-as"
    MOVE_TWINNED = "move-twinned"
    RESYNC = "resync"
    ACCEPT = "accept"
    RESOLVE = "resolve"
    UNDO = "undo"
    FAULT = "fault"
    HOST_CLOCK = "host-clock"
    STATE_FAULT = "state-fault"
    STATE_LOST = "state-lost"
    STATE_RESTORED = "state-restored"
    CRASH = "crash"
    COPY_OURS = "copy-ours"
    COPY_TO_MEETING = "copy-to-meeting"
    PASTE_TAG = "paste-tag"
    NULL_DATE = "null-date"
    FOR_EVER = "for-ever"
    CUT_TEXT = "cut-text"
    OTHER_WORDS = "other-words"
    UNKNOWN_WORDS = "unknown-words"
    ALL_DAY = "all-day"
    HIDE_LIST = "hide-list"
    REFUSE_ID = "refuse-id"
    LEAVE = "leave"
    CHANGE_LEAVE = "change-leave"
    END_LEAVE = "end-leave"
    ADD_HOST = "add-host"
    REMOVE_HOST = "remove-host"
    HAND_OVER = "hand-over"
    COMPLETE = "complete"
    BOOK_SERIES = "book-series"
    EXTEND_SERIES = "extend-series"
    MOVE_SERIES = "move-series"
    DELETE_SERIES = "delete-series"
    TWIN_INSTANCE = "twin-instance"
    MOVE_TWIN_OF_INSTANCE = "move-twin-of-instance"
    NO_END = "no-end"
    NO_ID = "no-id"
    NO_OWNER = "no-owner"
    NO_OBJECT = "no-object"
    REPAIR_ROWS = "repair-rows"
    REGROUP = "regroup"
    DELETE_ONE = "delete-one"
    CANCEL_OTHER = "cancel-other"
    UNDELETE = "undelete"
    CAP_LISTS = "cap-lists"
    BOOK_CLASS = "book-class"
    MOVE_CLASS = "move-class"
    DELETE_CLASS = "delete-class"
    SLICE = "slice"
    CLEAR = "clear"
    ACKNOWLEDGE = "acknowledge"
    BOOK_BOTH = "book-both"
    REBOOK = "rebook"
    WEEKLY = "weekly"
    CANCEL_WEEKLY = "cancel-weekly"
    CANCEL_TWINNED = "cancel-twinned"
    MERGE_USERS = "merge-users"
    LEAVE_OUT_PROVIDER = "leave-out-provider"
    LEAVE_OUT_SYSTEM = "leave-out-system"
    LEAVE_OUT_CALENDAR = "leave-out-calendar"
    PUT_BACK = "put-back"
    CHANGE_RULES = "change-rules"
    LOWER_LIMIT = "lower-limit"
    FORBID_WRITES = "forbid-writes"
    ALLOW_WRITES = "allow-writes"
    BOOK_SERVICE = "book-service"
    CHANGE_FACT = "change-fact"
    BOOK_FAR = "book-far"
    DRAG_IN = "drag-in"
    CLEAN_UP = "clean-up"
    PAUSE = "pause"
    UNPAUSE = "unpause"
    PLAN_OUT = "plan-out"
    RESYNC_PLAN = "resync-plan"
    FORGET_PERSON = "forget-person"
    CLEAN_UP_BESIDE = "clean-up-beside"


DISK = frozenset({EventKind.STATE_LOST, EventKind.STATE_RESTORED})
TROUBLE = (
    frozenset({EventKind.FAULT, EventKind.HOST_CLOCK, EventKind.STATE_FAULT, EventKind.CRASH})
    | DISK
)
OPERATOR = frozenset(
    {
        EventKind.RESYNC,
        EventKind.ACCEPT,
        EventKind.RESOLVE,
        EventKind.UNDO,
        EventKind.ACKNOWLEDGE,
        EventKind.PAUSE,
        EventKind.UNPAUSE,
        EventKind.PLAN_OUT,
        EventKind.RESYNC_PLAN,
        EventKind.FORGET_PERSON,
        EventKind.CLEAN_UP_BESIDE,
    }
)
CONFIGURED = frozenset(
    {
        EventKind.LEAVE_OUT_PROVIDER,
        EventKind.LEAVE_OUT_SYSTEM,
        EventKind.LEAVE_OUT_CALENDAR,
        EventKind.PUT_BACK,
        EventKind.CHANGE_RULES,
    }
)
"""Changes to the configuration file. The program reloads it if the step's slot is odd, or
restarts."""
AT_THE_END = frozenset({EventKind.CLEAN_UP})
"""What happens after the day was judged."""
OUTSIDE = frozenset(EventKind) - TROUBLE - OPERATOR - CONFIGURED - AT_THE_END


@dataclass(frozen=True, slots=True, order=True)
class SimEvent:
    """Something that happens ``at`` seconds after the start.

    ``number`` picks the target and ``slot`` a time, each modulo what exists then.
    """

    at: float
    kind: EventKind
    system: str = ""
    number: int = 0
    slot: int = 0
    fault: str = ""
    times: int = 1
    seconds: float = 0.0
    spelling: str = ""

    def __str__(self) -> str:
        """Format the step as one line of a trace."""
        clock = f"{int(self.at) // 3600:02}:{int(self.at) // 60 % 60:02}:{int(self.at) % 60:02}"
        facts = [self.system, str(self.kind)]
        if self.fault:
            facts += [self.fault, f"x{self.times}"]
        if self.seconds:
            facts.append(f"{self.seconds:g} s")
        if self.kind in OUTSIDE:
            facts.append(f"#{self.number} slot {self.slot}")
        return f"{clock}  {' '.join(fact for fact in facts if fact)}"
