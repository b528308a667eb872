"""Who is who: proposes which users of several systems are one person. Pure; a person decides.

E-mail counts before name, name before phone, and the strongest ground is told with each proposal.
Nothing is ever joined on a ground that two users of one system share: that is a `AmbiguousMatch`.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from syncd.systems.contact_addresses import normalize_contact


class MatchEvidence(StrEnum):
    """Why two users are taken for one person, the strongest first."""

    EMAIL = "e-mail"
    NAME = "name"
    PHONE = "phone"


@dataclass(frozen=True, slots=True, order=True)
class UserRef:
    """A user of one system, who may be somebody in another one."""

    system: str
    id: str
    name: str = ""
    email: str = ""
    phone: str = ""


@dataclass(frozen=True, slots=True)
class EvidenceItem:
    """What several seats have in common, in each spelling that occurs."""

    ground: MatchEvidence
    systems: tuple[str, ...]
    spellings: tuple[str, ...]

    def __str__(self) -> str:
        """One line for the person who decides."""
        same = " = ".join(self.spellings)
        note = "" if len(self.spellings) == 1 else " (spelt differently)"
        return f"{self.ground} {same}{note}"


@dataclass(frozen=True, slots=True)
class Proposal:
    """One provider: a seat in each of several systems.

    ``name`` is what the provider would be called. ``ground`` is the weakest one that was needed to
    bring all seats together. ``cautions`` is what speaks against it.
    """

    name: str
    seats: tuple[UserRef, ...]
    ground: MatchEvidence
    evidence: tuple[EvidenceItem, ...]
    cautions: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class AmbiguousMatch:
    """Seats that share something that does not tell them apart, so that it joins nobody."""

    ground: MatchEvidence
    shared: str
    seats: tuple[UserRef, ...]


@dataclass(frozen=True, slots=True)
class Matching:
    """The outcome: each seat is in one proposal, or alone."""

    proposals: tuple[Proposal, ...]
    alone: tuple[UserRef, ...]
    ambiguous: tuple[AmbiguousMatch, ...]


_NOT_LETTERS = re.compile(r"[\W_]+")
_NOT_PLAIN = re.compile(r"[^a-z0-9]+")
_STROKES = str.maketrans({"ø": "o", "ł": "l", "đ": "d", "æ": "ae", "œ": "oe"})
"""Letters that Unicode does not take apart, although people leave their strokes out."""


def normalize_name(name: str) -> str:
    """The form of a name in which case, accents, punctuation and spaces do not count."""
    plain = unicodedata.normalize("NFKD", name.casefold().translate(_STROKES))
    letters = "".join(letter for letter in plain if not unicodedata.combining(letter))
    return _NOT_LETTERS.sub(" ", letters.casefold()).strip()


def provider_name(seats: Sequence[UserRef], taken: Collection[str]) -> str:
    """A name for a provider, out of the letters that a configuration allows, and not yet taken."""
    sources = [*(seat.name for seat in seats), *(seat.email.split("@")[0] for seat in seats)]
    plain = (_NOT_PLAIN.sub("-", normalize_name(source)).strip("-") for source in sources)
    base = next(filter(None, plain), "person")[:40].strip("-")
    names = (base if number == 1 else f"{base}-{number}" for number in range(1, len(taken) + 2))
    return next(name for name in names if name not in taken)


def match_users(
    seats: Iterable[UserRef], *, taken: Collection[str] = (), region: str | None = None
) -> Matching:
    """Bring seats together: by e-mail, then by name, then by phone.

    The order of ``seats`` does not matter. ``taken`` are names of providers that exist; ``region``
    is an ISO country by which phones without + are read.
    """
    spelt = _spellings(region)
    clusters = [_Cluster((seat,), MatchEvidence.EMAIL) for seat in sorted(set(seats))]
    doubts: list[AmbiguousMatch] = []
    for ground in MatchEvidence:
        for key in sorted({k for c in clusters for k in c.keys(spelt[ground])}):
            clusters, doubt = _joined(clusters, ground, key, spelt[ground])
            doubts += doubt
    groups = sorted((c for c in clusters if len(c.seats) > 1), key=_by_name)
    names = set(taken)
    proposals = []
    for group in groups:
        proposals.append(_proposal(group, spelt, names, doubts))
        names.add(proposals[-1].name)
    alone = tuple(c.seats[0] for c in clusters if len(c.seats) == 1)
    return Matching(tuple(proposals), alone, tuple(_worth_telling(doubts, alone)))


Spelt = Callable[[UserRef], str]


def _spellings(region: str | None) -> Mapping[MatchEvidence, Spelt]:
    """How each ground is spelt so that equal means equal; '' where a seat has none."""
    return {
        MatchEvidence.EMAIL: lambda seat: next(
            iter(normalize_contact([seat.email], []).emails), ""
        ),
        MatchEvidence.NAME: lambda seat: normalize_name(seat.name),
        MatchEvidence.PHONE: lambda seat: next(
            iter(normalize_contact([], [seat.phone], region).phones), ""
        ),
    }


_RAW: Mapping[MatchEvidence, Spelt] = {
    MatchEvidence.EMAIL: lambda seat: seat.email,
    MatchEvidence.NAME: lambda seat: seat.name,
    MatchEvidence.PHONE: lambda seat: seat.phone,
}


@dataclass(frozen=True, slots=True)
class _Cluster:
    """Seats of different systems that are one person so far, and the weakest ground of that."""

    seats: tuple[UserRef, ...]
    ground: MatchEvidence

    @property
    def systems(self) -> set[str]:
        return {seat.system for seat in self.seats}

    def keys(self, spelt: Spelt) -> set[str]:
        return {key for seat in self.seats if (key := spelt(seat))}


def _joined(
    clusters: list[_Cluster], ground: MatchEvidence, key: str, spelt: Spelt
) -> tuple[list[_Cluster], list[AmbiguousMatch]]:
    """Join all clusters with this key, but those of which a system has several."""
    having = [c for c in clusters if key in c.keys(spelt)]
    count = Counter(system for c in having for system in c.systems)
    clear = [c for c in having if all(count[system] == 1 for system in c.systems)]
    doubts: list[AmbiguousMatch] = []
    if len(clear) < len(having):
        seats = sorted(seat for c in having for seat in c.seats if spelt(seat) == key)
        doubts.append(AmbiguousMatch(ground, key, tuple(seats)))
    if len(clear) < 2:  # noqa: PLR2004 - there is nothing to join
        return clusters, doubts
    joined = _Cluster(tuple(sorted(seat for c in clear for seat in c.seats)), ground)
    return [*(c for c in clusters if c not in clear), joined], doubts


def _by_name(cluster: _Cluster) -> tuple[str, tuple[UserRef, ...]]:
    return (normalize_name(cluster.seats[0].name), cluster.seats)


def _proposal(
    cluster: _Cluster,
    spelt: Mapping[MatchEvidence, Spelt],
    taken: Collection[str],
    doubts: Iterable[AmbiguousMatch],
) -> Proposal:
    return Proposal(
        name=provider_name(cluster.seats, taken),
        seats=cluster.seats,
        ground=cluster.ground,
        evidence=tuple(e for g in MatchEvidence for e in _evidence(cluster, g, spelt[g])),
        cautions=(*_differing(cluster, spelt), *_shared(cluster, doubts)),
    )


def _differing(cluster: _Cluster, spelt: Mapping[MatchEvidence, Spelt]) -> Iterator[str]:
    for ground, what in (
        (MatchEvidence.EMAIL, "the e-mail addresses"),
        (MatchEvidence.NAME, "the names"),
    ):
        values = sorted(cluster.keys(spelt[ground]))
        if len(values) > 1:
            yield f"{what} differ: {', '.join(values)}"


def _shared(cluster: _Cluster, doubts: Iterable[AmbiguousMatch]) -> Iterator[str]:
    """Others with the same address, who could as well be meant."""
    for doubt in doubts:
        others = [seat for seat in doubt.seats if seat not in cluster.seats]
        if doubt.ground is MatchEvidence.EMAIL and len(others) < len(doubt.seats):
            told = ", ".join(f"{seat.name or seat.id} in {seat.system}" for seat in others)
            yield f"the e-mail address is also that of {told}"


def _evidence(cluster: _Cluster, ground: MatchEvidence, spelt: Spelt) -> Iterator[EvidenceItem]:
    for key in sorted(cluster.keys(spelt)):
        agreeing = [seat for seat in cluster.seats if spelt(seat) == key]
        if len(agreeing) > 1:
            raw = dict.fromkeys(_RAW[ground](seat).strip() for seat in agreeing)
            yield EvidenceItem(ground, tuple(seat.system for seat in agreeing), tuple(raw))


def _worth_telling(
    doubts: Iterable[AmbiguousMatch], alone: Collection[UserRef]
) -> Iterator[AmbiguousMatch]:
    """Two users with one e-mail always; what else is shared only where it left somebody alone."""
    for doubt in doubts:
        if doubt.ground is MatchEvidence.EMAIL or any(seat in alone for seat in doubt.seats):
            yield doubt
