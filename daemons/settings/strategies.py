"""The strategies of a preset for one instrument, or an error that names what is wrong with them.

Every writer of a configuration calls this first. So a preset that the evaluator would refuse at its start is refused before any
file is written and any process is started.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tapewire.bus.errors import ConfError, suggest
from tapewire.daemons.settings.structs import MAX_SYMBOL, Instrument, Preset
from tapewire.strategies import registry
from tapewire.strategies.clock import minute_of
from tapewire.strategies.protocol import Learned, Strategy, needs_auction


def checked_strategies(symbol: str, instrument: Instrument, preset: Preset) -> list[Strategy]:
    """The strategies of a preset in priority order, fresh, for one instrument.

    Raises:
        ConfError: the preset names an unknown strategy or parameter, contradicts itself, a strategy counts in other ticks than the
            instrument, was fitted to another market, or the symbol is too long for an intent's id.
    """
    if len(symbol) > MAX_SYMBOL:
        raise ConfError(f"instrument {symbol!r} has {len(symbol)} characters, at most {MAX_SYMBOL} fit into an intent's id")
    if not preset.strategies:
        raise ConfError(f"preset {preset.name!r} names no strategy: add --strategies NAME, or a list in a preset of your own")
    strategies = registry.build(preset.strategies, preset.parameters, preset.day_type)
    _check_names(preset, strategies)
    _check_ticks(symbol, instrument, strategies)
    _check_auction(preset, strategies)
    _check_learned(symbol, instrument, preset, strategies)
    return strategies


def _check_names(preset: Preset, strategies: Sequence[Strategy]) -> None:
    """Refuse a preset whose exits or limits name unknown strategies or contradict themselves. Raises ConfError."""
    exits, where = preset.exits, f"preset {preset.name!r}"
    try:
        if exits.exit_time is not None:
            minute_of(exits.exit_time)
    except ValueError as error:
        raise ConfError(f"{where} [exits] exit_time: {error}") from error
    if exits.breach_r is not None and exits.breach_points is not None:
        raise ConfError(f"{where} [exits]: breach_r and breach_points exclude each other; keep one")
    defined = {*registry.display_names(), *(strategy.name for strategy in strategies)}
    named: dict[str, Any] = {
        "[exits] breach_exempt": exits.breach_exempt,
        "[exits] trailed": exits.trailed,
        "[exits] breakeven_exempt": exits.breakeven_exempt,
        "[risk] strategy_day_loss": preset.risk.strategy_day_loss,
        "[risk] sizing": preset.risk.sizing,
    }
    for key, names in named.items():
        for name in names:
            if name not in defined:
                hint = suggest(name, defined)
                raise ConfError(f"{where} {key}: no strategy is called {name!r}{hint}; write names as signals carry them")


def _check_ticks(symbol: str, instrument: Instrument, strategies: Sequence[Strategy]) -> None:
    """Refuse a strategy that counts in ticks of another instrument (its parameter `tick_size`). Raises ConfError."""
    for strategy in strategies:
        tick = getattr(getattr(strategy, "params", None), "tick_size", instrument.tick)
        if tick != instrument.tick:
            raise ConfError(
                f"{strategy.name}: tick_size = {tick}, but {symbol} ticks {instrument.tick}; set tick_size = {instrument.tick} "
                f"and check its other distances"
            )


def _check_auction(preset: Preset, strategies: Sequence[Strategy]) -> None:
    """Refuse a strategy that reads the auction where the preset does not ask for it: it would find nothing. Raises ConfError."""
    for strategy in strategies:
        if needs_auction(strategy) and not preset.auction_row_ticks:
            raise ConfError(
                f"{strategy.name} reads the auction, and preset {preset.name!r} has none; write auction_row_ticks = 1 (ticks in a "
                "row of the profile) in the preset, or --set auction_row_ticks=1"
            )


def _check_learned(symbol: str, instrument: Instrument, preset: Preset, strategies: Sequence[Strategy]) -> None:
    """Refuse a strategy that was fitted to another market. Raises ConfError."""
    for strategy in strategies:
        if isinstance(strategy, Learned) and (why := strategy.unfit(symbol, instrument.root, preset.auction_row_ticks)):
            raise ConfError(f"{strategy.name}: {why}")
