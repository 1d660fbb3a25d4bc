"""The days of an exchange that are not ordinary."""

from __future__ import annotations

from msgspec import Struct


class Calendar(Struct, frozen=True, forbid_unknown_fields=True):
    """Half days and holidays. half_days: date to close "HH:MM" Eastern. holidays: dates without RTH.

    corrected: dates for which a person has written down what holds (conf/calendar.toml), ordinary ones among them.
    """

    half_days: dict[str, str] = {}
    holidays: tuple[str, ...] = ()
    corrected: tuple[str, ...] = ()
