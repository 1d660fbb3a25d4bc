"""The command `accounts`: the accounts that the bridge sees in NinjaTrader, and our books of the one that is traded."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated

import msgspec
import typer
from msgspec import Struct
from rich.console import Console

from tapewire.bus.errors import Transient
from tapewire.bus.messages import AccountFigures
from tapewire.daemons.operator import gather, instances
from tapewire.daemons.operator.commands import LIVE, InstanceOption
from tapewire.daemons.operator.snapshot import Snapshot
from tapewire.daemons.operator.tables import aligned
from tapewire.daemons.settings import load as configuration

HEAD = ("account", "kind", "connection", "may trade", "cash", "realised", "unrealised", "our books")

out = Console(soft_wrap=True, highlight=False)


class Listed(Struct, frozen=True, kw_only=True):
    """An account as it is listed. traded: this run trades it; then books_realised is our own figure of the day, in dollars."""

    name: str
    simulated: bool
    connection: str
    trades: bool
    cash: float | None
    realised: float | None
    unrealised: float | None
    traded: bool = False
    books_realised: float | None = None


def register(app: typer.Typer) -> None:
    """Add this module's command to the application."""
    app.command()(accounts)


def accounts(
    instance: InstanceOption = None,
    json: Annotated[bool, typer.Option("--json", help="Print JSON, for scripts.")] = False,
) -> None:
    """List NinjaTrader's accounts: kind, connection, cash, profit, and whether they may trade. Exit status 75 without a bridge."""
    chosen = instances.for_money(instance, LIVE)
    listed = accounts_of(gather.look(chosen), configuration.read(Path(chosen.run)).trading.account)
    if json:
        out.print(msgspec.json.encode(listed).decode(), markup=False)
        return
    for line in lines(listed):
        out.print(line, markup=False)


def accounts_of(snapshot: Snapshot, traded: str) -> list[Listed]:
    """The accounts of the bridge's last report.

    Raises:
        Transient: no bridge is connected, or it has not said hello, or it reports no accounts.
    """
    if snapshot.hello is None:
        raise Transient("no bridge is connected, so no account is known; `tapewire doctor` says why")
    figures = msgspec.convert(snapshot.hello.get("figures", []), tuple[AccountFigures, ...])
    if not figures:
        raise Transient("the venue reports no accounts; a bridge of this version does (ninjascript/README.md), a replay does not")
    ours = None if snapshot.risk is None else snapshot.risk.realised_cents / 100
    return [_listed(each, traded, ours) for each in figures]


def lines(listed: Sequence[Listed]) -> Iterator[str]:
    """The accounts as lines for a person."""
    yield from aligned([HEAD, *(_row(each) for each in listed)])


def _listed(account: AccountFigures, traded: str, ours: float | None) -> Listed:
    own = account.name == traded
    return Listed(**msgspec.structs.asdict(account), traded=own, books_realised=ours if own else None)


def _row(account: Listed) -> tuple[str, ...]:
    return (
        account.name,
        "simulated" if account.simulated else "live",
        account.connection or "none",
        "yes" if account.trades else "no",
        *map(_money, (account.cash, account.realised, account.unrealised)),
        _ours(account),
    )


def _money(dollars: float | None) -> str:
    return "-" if dollars is None else f"{dollars:,.2f}"


def _ours(account: Listed) -> str:
    if not account.traded:
        return ""
    return "traded" if account.books_realised is None else f"traded, {_money(account.books_realised)} realised"
