"""A code in place of a key: once, for two minutes, for the key that asked, and for no other."""

from __future__ import annotations

from pathlib import Path

import pytest

from tapewire.bus import keys
from tapewire.bus.roles import Role
from tapewire.daemons.api.codes import GOOD_S, MOST, Codes
from tapewire.daemons.operator import page
from tapewire.daemons.settings.structs import Api
from tests.doors import Door, configured


@pytest.fixture
def door(tmp_path: Path) -> Door:
    return Door(configured(), tmp_path)


@pytest.mark.parametrize("name", ["reader", "operator"])
def test_a_code_gives_the_key_that_asked_for_it_once(name: str, door: Door) -> None:
    """As it is printed, or as a person types it; the second time it is refused."""
    code = door.client(name).post("/page/code").json()["code"]
    typed = code.lower().replace("-", " ")

    first = door.client().post("/page/key", json={"code": typed})
    second = door.client().post("/page/key", json={"code": code})

    assert first.json() == {"key": door.tokens[name]}
    assert (second.status_code, second.json()["code"]) == (401, "CODE")


def test_the_code_of_a_revoked_key_gives_nothing(door: Door, tmp_path: Path) -> None:
    """A key that ends takes its codes along."""
    guest = keys.new(tmp_path, "guest", Role.READER)
    code = door.client().post("/page/code", headers={"X-API-Key": guest.token}).json()["code"]
    keys.revoke(tmp_path, "guest")

    assert door.client().post("/page/key", json={"code": code}).status_code == 401


def test_guesses_are_slowed_down_as_wrong_keys_are(door: Door) -> None:
    """An address that tries codes soon gets no answer but to wait."""
    tries = [door.client().post("/page/key", json={"code": "AAAA-AAAA-AAAA"}).status_code for _ in range(8)]

    assert tries[0] == 401
    assert tries[-1] == 429


def test_a_code_is_over_after_its_time_and_when_others_crowd_it_out(door: Door) -> None:
    """Two minutes, and sixteen at a time."""
    at = 0.0
    codes = Codes(lambda: at)
    caller = door.open.callers.known(door.tokens["reader"])
    assert caller is not None

    late, crowded = codes.made(caller), codes.made(caller)
    at = GOOD_S
    over = codes.used(late)
    at = 0.0
    for _ in range(MOST):
        codes.made(caller)

    assert over is None
    assert codes.used(crowded) is None


@pytest.mark.parametrize(
    ("api", "expected"),
    [
        (Api(port=8006), "http://127.0.0.1:8006/"),
        (Api(host="::1", port=81), "http://[::1]:81/"),
        (Api(host="0.0.0.0", certificate="a.pem", private_key="b.pem"), "https://127.0.0.1:8006/"),
    ],
)
def test_the_address_holds_no_secret_and_leads_to_this_machine(api: Api, expected: str) -> None:
    """Whatever the server is bound to."""
    assert page.address(api) == expected
