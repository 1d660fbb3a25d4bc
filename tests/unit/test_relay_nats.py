"""What a person may write for `--nats`, and where a line goes: no secret in an address, no subject that reaches nobody."""

from __future__ import annotations

from pathlib import Path

import pytest

from tapewire.bus.errors import ConfError
from tapewire.daemons.relay.jetstream import NatsLogin, servers, subject


@pytest.mark.parametrize(
    "text", ["nats://127.0.0.1:4222", "tls://a.example,tls://b.example:4443", "ws://[::1]:8080", "nats://host"]
)
def test_addresses_are_taken_as_they_are(text: str) -> None:
    assert servers(text) == text.split(",")


@pytest.mark.parametrize(
    "text", ["", "127.0.0.1", "http://a", "nats://", "nats://a:0", "nats://a:x", "nats://a,", "nats://a:70000"]
)
def test_what_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(ConfError, match="write an address such as"):
        servers(text)


@pytest.mark.parametrize("text", ["nats://anna:sesame@a", "nats://sesame@a:1", "nats://b,nats://anna:sesame@a", "sesame@a"])
def test_a_secret_in_an_address_is_refused_and_not_repeated(text: str) -> None:
    """Everybody on the machine can read the arguments of a command, and logs are kept."""
    with pytest.raises(ConfError, match="--nats-login") as refused:
        servers(text)

    assert "sesame" not in str(refused.value)


@pytest.mark.parametrize(
    "content, options",
    [
        ('user = "anna"\npassword = "sesame"\n', {"user": "anna", "password": "sesame"}),
        ('token = "sesame"\n', {"token": "sesame"}),
    ],
)
def test_a_login_comes_from_a_private_file(tmp_path: Path, content: str, options: dict[str, str]) -> None:
    path = tmp_path / "login.toml"
    path.write_text(content)
    path.chmod(0o600)

    login = NatsLogin.read(path)

    assert login.options == options
    assert "sesame" not in repr(login)


def test_a_file_of_credentials_is_left_to_the_library(tmp_path: Path) -> None:
    path = tmp_path / "anna.creds"
    path.write_text("-----BEGIN NATS USER JWT-----\nxxx\n------END NATS USER JWT------\n")
    path.chmod(0o600)

    assert NatsLogin.read(path).options == {"user_credentials": str(path)}
    assert NatsLogin.read(None).options == {}


@pytest.mark.parametrize(
    "content, mode, why",
    [
        ('token = "sesame"\n', 0o640, "chmod 600"),
        ('user = "anna"\n', 0o600, "write `user"),
        ('user = "anna"\npassword = "sesame"\ntoken = "sesame"\n', 0o600, "write `user"),
        ('pass = "sesame"\n', 0o600, "write `user"),
        ("sesame", 0o600, "write `user"),
        ("", 0o600, "write `user"),
    ],
)
def test_any_other_file_is_refused_without_its_content(tmp_path: Path, content: str, mode: int, why: str) -> None:
    path = tmp_path / "login.toml"
    path.write_text(content)
    path.chmod(mode)

    with pytest.raises(ConfError, match=why) as refused:
        NatsLogin.read(path)

    assert "sesame" not in str(refused.value)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfError, match=r"none\.toml: No such file"):
        NatsLogin.read(tmp_path / "none.toml")


@pytest.mark.parametrize(
    "topic, expected",
    [
        ("public.signal.MNQ.", "tapewire.premium.signal.MNQ"),
        ("public.head.", "tapewire.premium.head"),
        ("later.kind.", "tapewire.premium.later.kind"),
    ],
)
def test_no_subject_ends_with_a_dot(topic: str, expected: str) -> None:
    """The server would accept it, and deliver it to nobody."""
    assert subject("tapewire.premium", topic) == expected
