"""All planted bugs, each with a day on which it breaks a promise."""

from __future__ import annotations

from syncd.lab.simulate.scenario import Scenario
from tests.lab.simulate.lost import ABOUT_LOSS
from tests.lab.simulate.plants import ABOUT_PROMISES, Plant
from tests.lab.simulate.plants_of_acts import ABOUT_ACTS
from tests.lab.simulate.plants_of_answers import ABOUT_ANSWERS
from tests.lab.simulate.plants_of_cancelling import ABOUT_CANCELLING
from tests.lab.simulate.plants_of_cleanup import ABOUT_CLEANUP
from tests.lab.simulate.plants_of_facts_drawn import ABOUT_FACTS_DRAWN
from tests.lab.simulate.plants_of_firstmove import ABOUT_FIRST_WRITES
from tests.lab.simulate.plants_of_hosts import ABOUT_HOSTS
from tests.lab.simulate.plants_of_isolation import ABOUT_ISOLATION
from tests.lab.simulate.plants_of_leadsquared import ABOUT_LEADSQUARED
from tests.lab.simulate.plants_of_leaves import ABOUT_LEAVES
from tests.lab.simulate.plants_of_leftovers import ABOUT_LEFTOVERS
from tests.lab.simulate.plants_of_limits import ABOUT_LIMITS
from tests.lab.simulate.plants_of_lists import ABOUT_LISTS
from tests.lab.simulate.plants_of_operators import ABOUT_OPERATORS
from tests.lab.simulate.plants_of_outside import ABOUT_OUTSIDE
from tests.lab.simulate.plants_of_owners import ABOUT_OWNERS
from tests.lab.simulate.plants_of_paces import ABOUT_PACES
from tests.lab.simulate.plants_of_pauses import ABOUT_PAUSES
from tests.lab.simulate.plants_of_platforms import ABOUT_BUFFERS
from tests.lab.simulate.plants_of_proof import ABOUT_PROOF
from tests.lab.simulate.plants_of_rebookings import ABOUT_REBOOKINGS
from tests.lab.simulate.plants_of_series import ABOUT_SERIES
from tests.lab.simulate.plants_of_sides import ABOUT_SIDES
from tests.lab.simulate.plants_of_stops import ABOUT_STOPS
from tests.lab.simulate.plants_of_telling import ABOUT_TELLING
from tests.lab.simulate.plants_of_twins import ABOUT_TWINS
from tests.lab.simulate.plants_of_unreadable import ABOUT_UNREADABLE
from tests.lab.simulate.plants_of_updates import ABOUT_UPDATES
from tests.lab.simulate.plants_of_values import ABOUT_VALUES
from tests.lab.simulate.plants_of_waiting import ABOUT_WAITING
from tests.lab.simulate.plants_of_words import ABOUT_WORDS

PLANTS: tuple[tuple[Plant, Scenario], ...] = (
    *ABOUT_PROMISES,
    *ABOUT_ACTS,
    *ABOUT_ANSWERS,
    *ABOUT_VALUES,
    *ABOUT_BUFFERS,
    *ABOUT_LISTS,
    *ABOUT_UPDATES,
    *ABOUT_LOSS,
    *ABOUT_OWNERS,
    *ABOUT_PROOF,
    *ABOUT_TELLING,
    *ABOUT_UNREADABLE,
    *ABOUT_CANCELLING,
    *ABOUT_HOSTS,
    *ABOUT_FIRST_WRITES,
    *ABOUT_LEFTOVERS,
    *ABOUT_TWINS,
    *ABOUT_WORDS,
    *ABOUT_LEAVES,
    *ABOUT_LEADSQUARED,
    *ABOUT_SERIES,
    *ABOUT_REBOOKINGS,
    *ABOUT_OUTSIDE,
    *ABOUT_LIMITS,
    *ABOUT_PACES,
    *ABOUT_CLEANUP,
    *ABOUT_STOPS,
    *ABOUT_WAITING,
    *ABOUT_PAUSES,
    *ABOUT_OPERATORS,
    *ABOUT_FACTS_DRAWN,
    *ABOUT_SIDES,
    *ABOUT_ISOLATION,
)
"""In the order in which they are played."""
