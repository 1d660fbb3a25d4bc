"""The strategies of one instrument in priority order, asked together (playbook 4).

arbitrated    `first`: one answer per bar, and only that one is consumed; a suppressed setup stays available
independent   `every`: each strategy alone, as if the others did not exist; every proposal is reported and consumed
"""

from __future__ import annotations

from collections.abc import Sequence

from bus.messages import Session
from strategies.clock import minute_of
from strategies.protocol import Proposal, Strategy


class Roster:
    """Folds sessions into its strategies and asks them. exit_time: "HH:MM", no proposal from then on (playbook 5.2)."""

    def __init__(self, strategies: Sequence[Strategy], exit_time: str) -> None:
        self.strategies = tuple(strategies)
        self.exit_minute = minute_of(exit_time)
        self.session = ""

    def fold(self, s: Session) -> None:
        """Let every strategy see the bar. State advances on RTH bars only, whatever may be traded."""
        if s.session != self.session:
            self.session = s.session
            for strategy in self.strategies:
                strategy.start(s.session)
        if s.rth:
            for strategy in self.strategies:
                strategy.update(s)

    def closing(self, s: Session) -> bool:
        """Whether the exit time has come, which is never later than one minute before the session's close."""
        return not s.rth or s.minute >= self.exit_minute or s.minute >= s.closes - 1

    def first(self, s: Session) -> Proposal | None:
        """The first proposal in priority order, consumed."""
        if self.closing(s):
            return None
        for strategy in self.strategies:
            proposal = strategy.propose(s)
            if proposal is not None:
                strategy.consume(proposal)
                return proposal
        return None

    def every(self, s: Session) -> list[Proposal]:
        """All proposals of the bar in priority order, each consumed."""
        proposals: list[Proposal] = []
        if self.closing(s):
            return proposals
        for strategy in self.strategies:
            proposal = strategy.propose(s)
            if proposal is not None:
                strategy.consume(proposal)
                proposals.append(proposal)
        return proposals


class Independent:
    """Research mode: no position, no arbitration, no limits."""

    def __init__(self, strategies: Sequence[Strategy], exit_time: str) -> None:
        self.roster = Roster(strategies, exit_time)

    def step(self, s: Session) -> list[Proposal]:
        """What each strategy alone would do at this bar's close."""
        self.roster.fold(s)
        return self.roster.every(s)
