"""A search by Optuna in place of a grid: each trial is a cell, and later trials are taken where earlier ones were good.

    --set edge_fade.pause_bars=5..60          whole numbers from 5 to 60
    --set edge_fade.pause_bars=5..60:5        in steps of 5
    --set edge_fade.ib_under_points=100.0..400.0      any number between
    --set exits.exit_time=15:30,15:59         one of these, as in a grid

Trials are asked for `AT_ONCE` at a time, computed together, and told, so that a search has the same trials on any number of
processors. The study is kept beside the cells (`study.log`, Optuna's journal) under a name that is the hash of all that it depends
on: the same search goes on where it stopped, also for more trials, and another one in the folder begins anew. The sampler is the
tree-structured Parzen estimator (J. Bergstra and others, Algorithms for Hyper-Parameter Optimization, 2011). It gets a seed of its
own for each trial: one seed for all would begin again in each process, and a study that was resumed within its random first trials
would repeat them.
"""

from __future__ import annotations

import hashlib
import math
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct

from tapewire.bus.errors import ConfError
from tapewire.daemons.settings import overrides
from tapewire.replay.research import grid, metrics
from tapewire.replay.research.grid import Axis, Cell

AT_ONCE = 16
MOST_TRIALS = 10_000
FILE = "study.log"

_RANGE = re.compile(r"(.+?)\.\.(.+?)(?::(.+))?")


class ValueRange(Struct, frozen=True):
    """A setting between two numbers, both included: whole ones if these and the step are, else any, or in steps from `low` on."""

    name: str
    low: float
    high: float
    step: float | None = None

    @property
    def whole(self) -> bool:
        return all(isinstance(each, int) for each in (self.low, self.high, 1 if self.step is None else self.step))


class Search(Struct, frozen=True):
    """How to search. trials: in all, per window in a walk-forward. metric: that is to be large, in sample."""

    trials: int
    metric: str = "net"
    seed: int = 1


def space(settings: Sequence[str]) -> tuple[Axis | ValueRange, ...]:
    """What `--set` gives to a search: ranges, and axes as a grid has them. Raises ConfError."""
    return checked([part(setting) for setting in settings])


def checked(found: Sequence[Axis | ValueRange]) -> tuple[Axis | ValueRange, ...]:
    """These ranges and axes, if they make a space. Raises ConfError."""
    grid.checked([each if isinstance(each, Axis) else Axis(each.name, (each.low,)) for each in found], largest=math.inf)
    for each in found:
        if isinstance(each, ValueRange) and not (each.low < each.high and (each.step is None or each.step > 0)):
            raise ConfError(f"{each.name} = {each.low}..{each.high}: write low..high or low..high:step, rising")
    return tuple(found)


def checked_search(search: Search) -> Search:
    """Raises ConfError for a number of trials, or a metric, that no search has."""
    if not 1 <= search.trials <= MOST_TRIALS:
        raise ConfError(f"trials = {search.trials}: write 1 to {MOST_TRIALS}")
    metrics.checked(search.metric)
    return search


def corners(parts: Sequence[Axis | ValueRange]) -> list[Cell]:
    """Cells that show whether every value of a space can be applied: the lowest and the highest ones, and each choice once."""
    ends = [[each.low, each.high] if isinstance(each, ValueRange) else list(each.values) for each in parts]
    longest = max(map(len, ends))
    return [
        {each.name: values[min(at, len(values) - 1)] for each, values in zip(parts, ends, strict=True)} for at in range(longest)
    ]


class Study:
    """A search that goes on where it stopped.

    Args:
        folder: where it is kept. parts: its space. search: how. of: what it depends on besides.
    Raises:
        ConfError: Optuna is not installed.
    """

    def __init__(self, folder: Path, parts: Sequence[Axis | ValueRange], search: Search, of: object) -> None:
        try:
            import optuna
            from optuna.storages.journal import JournalFileBackend
        except ImportError as error:
            raise ConfError("a search needs Optuna; install it with: pip install 'tapewire[search]'") from error
        self._optuna = optuna
        self._parts, self._search = parts, search
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        name = hashlib.sha256(repr((parts, search.metric, search.seed, of)).encode()).hexdigest()[:32]
        storage = optuna.storages.JournalStorage(JournalFileBackend(str(folder / FILE)))
        self._study = optuna.create_study(storage=storage, study_name=name, direction="maximize", load_if_exists=True)
        self._distributions = {each.name: self._distribution(each) for each in parts}

    @property
    def cells(self) -> list[Cell]:
        """The cells of all trials so far, in their order; a cell may come again."""
        return [self._cell(trial.params) for trial in self._study.get_trials(deepcopy=False)[: self._search.trials]]

    @property
    def done(self) -> bool:
        """Whether all its trials have been told."""
        trials = self._study.get_trials(deepcopy=False)
        return sum(trial.state.is_finished() for trial in trials) >= self._search.trials

    def ask(self) -> list[Cell]:
        """The cells of the next trials, in order; the same ones again until they are told. Empty if all trials are done."""
        trials = self._study.get_trials(deepcopy=False)
        waiting = [trial.number for trial in trials if not trial.state.is_finished()]
        first = waiting[0] if waiting else len(trials)
        end = min((first // AT_ONCE + 1) * AT_ONCE, self._search.trials)
        for number in range(len(trials), end):
            text = f"{self._search.seed} {number}".encode()
            seed = int.from_bytes(hashlib.sha256(text).digest()[:4], "big")
            self._study.sampler = self._optuna.samplers.TPESampler(seed=seed)
            self._study.ask(self._distributions)
        return self.cells[first:end]

    def tell(self, values: Sequence[float | None]) -> None:
        """The metric of each cell that `ask` gave last; None if it has none."""
        trials = self._study.get_trials(deepcopy=False)
        waiting = [trial.number for trial in trials[: self._search.trials] if not trial.state.is_finished()]
        for number, value in zip(waiting, values, strict=True):
            if value is None:
                self._study.tell(number, state=self._optuna.trial.TrialState.FAIL)
            else:
                self._study.tell(number, value)

    def _distribution(self, part: Axis | ValueRange) -> Any:
        distributions = self._optuna.distributions
        if isinstance(part, Axis):
            # By their places: Optuna has no lists among its choices, and rising numbers are better known to be in order.
            last = len(part.values) - 1
            numbers = [each for each in part.values if isinstance(each, int | float) and not isinstance(each, bool)]
            if last and len(numbers) == len(part.values) and sorted(numbers) == numbers:
                return distributions.IntDistribution(0, last)
            return distributions.CategoricalDistribution(range(last + 1))
        if part.whole:
            return distributions.IntDistribution(int(part.low), int(part.high), step=1 if part.step is None else int(part.step))
        return distributions.FloatDistribution(part.low, part.high, step=part.step)

    def _cell(self, params: Mapping[str, Any]) -> Cell:
        return {part.name: part.values[params[part.name]] if isinstance(part, Axis) else params[part.name] for part in self._parts}


def run(studies: Sequence[Study], compute: Callable[[list[list[Cell]]], Sequence[Sequence[float | None]]]) -> None:
    """Ask, compute and tell until every study is done.

    Args:
        compute: takes the next cells of each study, and gives their values.
    """
    while any(not study.done for study in studies):
        values = compute([study.ask() for study in studies])
        for study, each in zip(studies, values, strict=True):
            study.tell(each)


def distinct(cells: Sequence[Cell]) -> list[Cell]:
    """Each cell once, in their first order."""
    return list({msgspec.json.encode(cell): cell for cell in reversed(cells)}.values())[::-1]


def tried(parts: Sequence[Axis | ValueRange], cells: Sequence[Cell]) -> tuple[Axis, ...]:
    """The space as axes: of a range the values that were tried, rising."""
    return tuple(
        each if isinstance(each, Axis) else Axis(each.name, tuple(sorted({cell[each.name] for cell in cells}))) for each in parts
    )


def part(setting: str) -> Axis | ValueRange:
    """What one `name=low..high`, `name=low..high:step` or `name=value,value` gives. Raises ConfError."""
    name, _, text = (each.strip() for each in setting.partition("="))
    found = _RANGE.fullmatch(text)
    if not name or found is None:
        return grid.axis(setting)
    low, high, *step = [overrides.value(each.strip()) for each in found.groups() if each is not None]
    if any(isinstance(each, bool) or not isinstance(each, int | float) for each in (low, high, *step)):
        raise ConfError(f"--set {setting}: write numbers, as in name=5..60 or name=5..60:5")
    return ValueRange(name, low, high, *step)
