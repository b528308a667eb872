"""Propose which users of several systems are the same human being. Pure; the operator decides.

E-mail addresses count before names, names before phones. Evidence that two users of one system
share never joins users: it becomes an `AmbiguousMatch`.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from syncd.systems.contact_addresses import normalize_contact
from syncd.systems.name_lookup import fold_name


class MatchEvidence(StrEnum):
    """The kinds of evidence that two users are the same human being, strongest first."""

    EMAIL = "e-mail"
    NAME = "name"
    PHONE = "phone"


@dataclass(frozen=True, slots=True, order=True)
class UserRef:
    """A user of one system."""

    system: str
    id: str
    name: str = ""
    email: str = ""
    phone: str = ""


@dataclass(frozen=True, slots=True)
class EvidenceItem:
    """A property that several users share, in each spelling that occurs."""

    ground: MatchEvidence
    systems: tuple[str, ...]
    spellings: tuple[str, ...]

    def __str__(self) -> str:
        """Return the evidence as one line for the operator, who decides."""
        same = " = ".join(self.spellings)
        note = "" if len(self.spellings) == 1 else " (different spellings)"
        return f"{self.ground} {same}{note}"


@dataclass(frozen=True, slots=True)
class Proposal:
    """A proposed provider: one user (``users``) in each of several systems.

    ``name`` is the proposed name. ``ground`` is the weakest kind of evidence that was needed to
    join all users. ``cautions`` are the reasons against the proposal.
    """

    name: str
    users: tuple[UserRef, ...]
    ground: MatchEvidence
    evidence: tuple[EvidenceItem, ...]
    cautions: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class AmbiguousMatch:
    """Users that share a property with another user of the same system.

    The property is therefore not used as evidence.
    """

    ground: MatchEvidence
    shared: str
    users: tuple[UserRef, ...]


@dataclass(frozen=True, slots=True)
class Matching:
    """The result of `match_users`: each user is in exactly one proposal, or in ``alone``."""

    proposals: tuple[Proposal, ...]
    alone: tuple[UserRef, ...]
    ambiguous: tuple[AmbiguousMatch, ...]


_NOT_LETTERS = re.compile(r"[\W_]+")
_NOT_PLAIN = re.compile(r"[^a-z0-9]+")
_STROKES = str.maketrans({"ø": "o", "ł": "l", "đ": "d", "æ": "ae", "œ": "oe"})
"""Letters that Unicode normalization does not decompose, but that people write without stroke."""


def normalize_name(name: str) -> str:
    """Return a name without case, accents, punctuation and extra spaces, for comparison."""
    return _NOT_LETTERS.sub(" ", fold_name(name.casefold().translate(_STROKES))).strip()


def provider_name(users: Sequence[UserRef], taken: Collection[str]) -> str:
    """Make a provider name that is valid in the configuration and not in ``taken``."""
    sources = [*(user.name for user in users), *(user.email.split("@")[0] for user in users)]
    plain = (_NOT_PLAIN.sub("-", normalize_name(source)).strip("-") for source in sources)
    base = next(filter(None, plain), "person")[:40].strip("-")
    names = (base if number == 1 else f"{base}-{number}" for number in range(1, len(taken) + 2))
    return next(name for name in names if name not in taken)


def match_users(
    users: Iterable[UserRef], *, taken: Collection[str] = (), region: str | None = None
) -> Matching:
    """Join users by e-mail address, then by name, then by phone.

    The order of ``users`` does not matter. ``taken`` are names of existing providers; ``region`` is
    the ISO country of phone numbers without a country code.
    """
    normalizers = _normalizers(region)
    clusters = [_Cluster((user,), MatchEvidence.EMAIL) for user in sorted(set(users))]
    doubts: list[AmbiguousMatch] = []
    for ground in MatchEvidence:
        for key in sorted({k for c in clusters for k in c.keys(normalizers[ground])}):
            clusters, doubt = _joined(clusters, ground, key, normalizers[ground])
            doubts += doubt
    groups = sorted((c for c in clusters if len(c.users) > 1), key=_by_name)
    names = set(taken)
    proposals = []
    for group in groups:
        proposals.append(_proposal(group, normalizers, names, doubts))
        names.add(proposals[-1].name)
    alone = tuple(c.users[0] for c in clusters if len(c.users) == 1)
    return Matching(tuple(proposals), alone, tuple(_relevant(doubts, alone)))


_Normalize = Callable[[UserRef], str]


def _normalizers(region: str | None) -> Mapping[MatchEvidence, _Normalize]:
    """Return a function per kind of evidence that normalizes it; '' if a user has none."""
    return {
        MatchEvidence.EMAIL: lambda user: next(
            iter(normalize_contact([user.email], []).emails), ""
        ),
        MatchEvidence.NAME: lambda user: normalize_name(user.name),
        MatchEvidence.PHONE: lambda user: next(
            iter(normalize_contact([], [user.phone], region).phones), ""
        ),
    }


_RAW: Mapping[MatchEvidence, _Normalize] = {
    MatchEvidence.EMAIL: lambda user: user.email,
    MatchEvidence.NAME: lambda user: user.name,
    MatchEvidence.PHONE: lambda user: user.phone,
}


@dataclass(frozen=True, slots=True)
class _Cluster:
    """Users of different systems that are joined so far, and the weakest evidence for that."""

    users: tuple[UserRef, ...]
    ground: MatchEvidence

    @property
    def systems(self) -> set[str]:
        return {user.system for user in self.users}

    def keys(self, normalize: _Normalize) -> set[str]:
        return {key for user in self.users if (key := normalize(user))}


def _joined(
    clusters: list[_Cluster], ground: MatchEvidence, key: str, normalize: _Normalize
) -> tuple[list[_Cluster], list[AmbiguousMatch]]:
    """Join all clusters with this key, except those of systems that have it several times."""
    matching = [c for c in clusters if key in c.keys(normalize)]
    count = Counter(system for c in matching for system in c.systems)
    unique = [c for c in matching if all(count[system] == 1 for system in c.systems)]
    doubts: list[AmbiguousMatch] = []
    if len(unique) < len(matching):
        users = sorted(user for c in matching for user in c.users if normalize(user) == key)
        doubts.append(AmbiguousMatch(ground, key, tuple(users)))
    if len(unique) < 2:  # noqa: PLR2004 - there is nothing to join
        return clusters, doubts
    joined = _Cluster(tuple(sorted(user for c in unique for user in c.users)), ground)
    return [*(c for c in clusters if c not in unique), joined], doubts


def _by_name(cluster: _Cluster) -> tuple[str, tuple[UserRef, ...]]:
    return (normalize_name(cluster.users[0].name), cluster.users)


def _proposal(
    cluster: _Cluster,
    normalizers: Mapping[MatchEvidence, _Normalize],
    taken: Collection[str],
    doubts: Iterable[AmbiguousMatch],
) -> Proposal:
    return Proposal(
        name=provider_name(cluster.users, taken),
        users=cluster.users,
        ground=cluster.ground,
        evidence=tuple(e for g in MatchEvidence for e in _evidence(cluster, g, normalizers[g])),
        cautions=(*_differing(cluster, normalizers), *_shared(cluster, doubts)),
    )


def _differing(cluster: _Cluster, normalizers: Mapping[MatchEvidence, _Normalize]) -> Iterator[str]:
    for ground, what in (
        (MatchEvidence.EMAIL, "the e-mail addresses"),
        (MatchEvidence.NAME, "the names"),
    ):
        values = sorted(cluster.keys(normalizers[ground]))
        if len(values) > 1:
            yield f"{what} differ: {', '.join(values)}"


def _shared(cluster: _Cluster, doubts: Iterable[AmbiguousMatch]) -> Iterator[str]:
    """Yield a caution if other users have the same e-mail address."""
    for doubt in doubts:
        others = [user for user in doubt.users if user not in cluster.users]
        if doubt.ground is MatchEvidence.EMAIL and len(others) < len(doubt.users):
            names = ", ".join(f"{user.name or user.id} in {user.system}" for user in others)
            yield f"the e-mail address is also that of {names}"


def _evidence(
    cluster: _Cluster, ground: MatchEvidence, normalize: _Normalize
) -> Iterator[EvidenceItem]:
    for key in sorted(cluster.keys(normalize)):
        agreeing = [user for user in cluster.users if normalize(user) == key]
        if len(agreeing) > 1:
            raw = dict.fromkeys(_RAW[ground](user).strip() for user in agreeing)
            yield EvidenceItem(ground, tuple(user.system for user in agreeing), tuple(raw))


def _relevant(
    doubts: Iterable[AmbiguousMatch], alone: Collection[UserRef]
) -> Iterator[AmbiguousMatch]:
    """Yield shared e-mail addresses, and other ambiguity only if it left a user unmatched."""
    for doubt in doubts:
        if doubt.ground is MatchEvidence.EMAIL or any(user in alone for user in doubt.users):
            yield doubt
