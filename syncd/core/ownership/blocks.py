"""Decide which blocks are ours (docs/design.md#ownership): by id, never by the tag in their text.

A tagged block that is not ours is a copy or an orphan. A *copy* has the tag of a block that is
known under another id: somebody on the platform duplicated the block to mark busy time. An *orphan*
has a tag that this state does not know. An orphan never causes blocks elsewhere, is never removed,
and is adopted if its interval is exactly an interval that must be blocked.
"""

from __future__ import annotations

from collections.abc import Iterable
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace

from syncd.core.workspace import Workspace
from syncd.model import (
    Action,
    Conflict,
    ConflictKind,
    Id,
    Intent,
    IntentState,
    Kind,
    Operation,
    Replica,
    TrackedEvent,
)
from syncd.model.intervals import may_show


@dataclass(frozen=True, slots=True)
class Ownership:
    """What the state knows of a provider's tagged blocks that are not ours, by (system, id).

    - ``proven``: a create of ours returned this id.
    - ``copies``: the tag is that of a block that is known under another id.
    - ``doubtful``: several events have the tag and none of them is known to be ours, or the tag is
      of a create whose outcome is unknown. Such a block is not adopted and causes no block
      elsewhere.
    - ``of_others``: a create of ours returned this id, for another provider: two users were merged.
      Such a block is not adopted and causes no block elsewhere; it belongs to that provider.
    - ``whole``: every system of the provider has been read in full since the state was lost or
      restored, so orphans may be adopted.
    - ``unread``: the provider's systems that this state never read. If the state was lost, any
      block of ours may have been created for an event there.
    """

    proven: AbstractSet[Id] = frozenset()
    copies: AbstractSet[Id] = frozenset()
    doubtful: AbstractSet[Id] = frozenset()
    of_others: AbstractSet[Id] = frozenset()
    whole: bool = True
    unread: AbstractSet[str] = frozenset()


NO_OWNERSHIP = Ownership()


def is_tagged(record: TrackedEvent) -> bool:
    """Return true for an existing block that has a tag and is not ours."""
    return (
        record.kind is Kind.BLOCK
        and record.key is not None
        and not record.created_by_us
        and record.observed is not None
    )


def may_be_proven(record: TrackedEvent) -> bool:
    """Return true for an existing block that is not known as ours, with or without a tag.

    A block without a tag is considered only until it is decided on. Platforms may remove tags, but
    they keep ids.
    """
    undecided = record.base is None and record.kind is Kind.BLOCK and record.observed is not None
    return is_tagged(record) or (undecided and not record.created_by_us)


def resolve_ownership(workspace: Workspace, ownership: Ownership) -> list[TrackedEvent]:
    """Unlink blocks that are not ours, and take back blocks that a create of ours made.

    Return the events that became ours.
    """
    for replica in list(workspace.replicas()):
        record = workspace.records.get((replica.system, replica.event))
        if record is not None and not record.created_by_us and not replica.role.is_meeting:
            # Somebody on the platform gave our block a customer, or it never was ours.
            workspace.unlink(replica)
    proven = [
        record
        for id_, record in sorted(workspace.records.items())
        if id_ in ownership.proven and may_be_proven(record)
    ]
    for record in proven:
        workspace.upsert(
            replace(record, created_by_us=True, base=record.observed, end_accepted=False)
        )
        for replica in [r for r in workspace.replicas() if _links(r, record)]:
            workspace.unlink_ended(replica, "the event is a block of ours")
    return [workspace.records[record.system, record.id] for record in proven]


def may_match(
    record: TrackedEvent, ownership: Ownership, intents: Iterable[Intent], *, tags: bool
) -> bool:
    """Return true if an unlinked event is somebody's meeting or busy time, to be blocked elsewhere.

    - ``intents``: the journal. ``tags``: the platform keeps tags. If it does not keep them, a block
      that may be the result of a create with a lost response is not matched until that is known.

    An appointment may have a tag because people on the platforms paste our texts.
    """
    if record.kind is Kind.APPOINTMENT:
        return True
    if (record.system, record.id) in ownership.of_others:
        return False
    if record.key is not None:
        return (record.system, record.id) in ownership.copies
    return tags or not any(_may_have_made(intent, record) for intent in intents)


def open_tag_doubts(workspace: Workspace, ownership: Ownership) -> list[Conflict]:
    """Return the open conflicts about a create whose tag several blocks have.

    None of the blocks is ours, and no block is created, until somebody removes all but one of them
    on the platform.
    """
    doubtful = {system for system, _ in ownership.doubtful}
    return [
        held.conflict
        for held in workspace.state.conflicts
        if held.conflict.kind is ConflictKind.AMBIGUOUS
        and all(claim.event is None and claim.system in doubtful for claim in held.conflict.claims)
    ]


def orphans_of(workspace: Workspace, ownership: Ownership) -> list[TrackedEvent]:
    """Return the tagged blocks that are neither ours nor copies."""
    return [
        record
        for record in workspace.unlinked()
        if is_tagged(record) and (record.system, record.id) not in ownership.copies
    ]


def may_adopt(orphan: TrackedEvent, ownership: Ownership) -> bool:
    """Return true if an orphan may become ours if its interval must be blocked."""
    id_ = (orphan.system, orphan.id)
    return ownership.whole and id_ not in ownership.doubtful and id_ not in ownership.of_others


def adopt(workspace: Workspace, record: TrackedEvent, new_id: str) -> TrackedEvent:
    """Make an orphan ours, with a journal row of the id ``new_id`` as proof; return our block."""
    ours = replace(record, created_by_us=True, base=record.observed, end_accepted=False)
    workspace.upsert(ours)
    operation = Operation(
        action=Action.CREATE_BLOCK,
        system=record.system,
        provider=record.provider,
        kind=Kind.BLOCK,
        event=record.id,
        before=None,
        after=record.observed,
        key=record.key,
        reason=_ADOPTED,
    )
    # The row belongs to no run, so that undoing a run does not remove the block.
    workspace.changes.intents.append(Intent(new_id, "", operation, IntentState.DONE, workspace.now))
    return ours


_ADOPTED = "adopted: a block with a tag of syncd is exactly where a block is wanted"


def _may_have_made(intent: Intent, record: TrackedEvent) -> bool:
    operation = intent.operation
    return (
        operation.action is Action.CREATE_BLOCK
        and intent.state.pending
        and operation.system == record.system
        and may_show(operation.after, record.observed)
    )


def _links(replica: Replica, record: TrackedEvent) -> bool:
    return (replica.system, replica.event) == (record.system, record.id)
