"""`deploy/`: each file is what its tool takes, says what the code knows, and runs nothing as root."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import msgspec
import pytest
import typer
import yaml

from tapewire.daemons.operator import commands
from tapewire.daemons.settings import load as configuration
from tapewire.daemons.settings.structs import PORTS, Api, Bus, Conf

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
DOCKERFILE = (DEPLOY / "docker" / "Dockerfile").read_text("utf-8")
UNIT = (DEPLOY / "systemd" / "tapewire@.service").read_text("utf-8")
README = (DEPLOY / "README.md").read_text("utf-8")


def composed() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((DEPLOY / "docker" / "compose.yaml").read_text("utf-8"))
    return found


def up_takes(words: list[str]) -> dict[str, Any]:
    """The options of `tapewire up` in these words, or the error that it would give."""
    parent = typer.Typer()
    commands.register(parent)
    assert words[0] == "up"
    found = typer.main.get_command(parent).commands["up"].make_context("up", words[1:])  # type: ignore[attr-defined]
    return dict(found.params)


def tool(name: str) -> str:
    """The path of a tool; without it the test is skipped."""
    found = shutil.which(name) or shutil.which(name, path=str(ROOT / ".venv" / "bin"))
    if found is None:
        pytest.skip(f"{name} is not on this machine")
    return found


def run(*words: object) -> str:
    """What a tool says; empty if it finds nothing wrong."""
    done = subprocess.run([*map(str, words)], capture_output=True, text=True, timeout=120, check=False)
    return "" if done.returncode == 0 else done.stdout + done.stderr


def test_hadolint_finds_nothing_in_the_dockerfile() -> None:
    assert run(tool("hadolint"), DEPLOY / "docker" / "Dockerfile") == ""


def test_caddy_takes_the_caddyfile() -> None:
    """As it is formatted, too."""
    caddy = tool("caddy")
    path = DEPLOY / "caddy" / "Caddyfile"

    assert run(caddy, "validate", "--adapter", "caddyfile", "--config", path) == ""
    formatted = subprocess.run([caddy, "fmt", path], capture_output=True, text=True, timeout=60, check=False)
    assert formatted.stdout == path.read_text("utf-8")


def test_caddy_keeps_keys_out_of_its_log(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TAPEWIRE_HOST", "desk.example")
    adapt = [tool("caddy"), "adapt", "--config", str(DEPLOY / "caddy" / "Caddyfile")]
    made = json.loads(subprocess.run(adapt, capture_output=True, text=True, timeout=60, check=True).stdout)

    fields = made["logging"]["logs"]["log0"]["encoder"]["fields"]
    assert fields["request>headers>X-Api-Key"] == {"filter": "delete"}
    assert "desk.example" in json.dumps(made["apps"]["http"])
    assert '"dial": "127.0.0.1:8006"' in json.dumps(made["apps"]["http"])


def test_systemd_takes_the_unit(tmp_path: Path) -> None:
    """With a program and a user that every machine has in place of ours."""
    there = tmp_path / "tapewire@desk.service"
    text = UNIT.replace("/opt/tapewire/bin/tapewire", "/bin/true").replace("=tapewire\n", "=root\n")
    there.write_text(text)

    assert run(tool("systemd-analyze"), "verify", "--man=no", there) == ""


def test_container_and_unit_start_a_run_that_stays() -> None:
    """By a command line that `tapewire up` takes, which stops in order on SIGTERM."""
    cmd = re.search(r"^CMD (\[.*\])$", DOCKERFILE, re.MULTILINE)
    start = re.search(r"^ExecStart=\S+/tapewire (.*)$", UNIT, re.MULTILINE)
    assert cmd
    assert start

    for words in (json.loads(cmd[1]), start[1].split()):
        options = up_takes(words)
        assert options["stay"]
        assert options["var"] == Path("/var/lib/tapewire")
        assert options["account"].parent == Path("/etc/tapewire")
    assert "KillMode=mixed" in UNIT
    assert "STOPSIGNAL SIGTERM" in DOCKERFILE


def test_the_daemons_are_never_root_and_write_where_they_must_only() -> None:
    """The proxy has one capability more, for its ports."""
    ours = composed()["services"]["tapewire"]
    uid = re.search(r"^USER (\d+):\d+$", DOCKERFILE, re.MULTILINE)
    assert uid

    assert uid[1] != "0"
    assert re.search(rf"useradd --uid {uid[1]} ", DOCKERFILE)
    assert "--mode 0700" in DOCKERFILE
    assert ours["tmpfs"] == ["/tmp:mode=1777"]  # Podman takes no owner
    for name, service in composed()["services"].items():
        assert service["read_only"], name
        assert service["cap_drop"] == ["ALL"], name
        assert service["security_opt"] == ["no-new-privileges:true"], name
    assert "User=tapewire" in UNIT
    assert "StateDirectoryMode=0700" in UNIT


def test_the_container_is_reached_from_its_own_machine_only() -> None:
    """Each port of NinjaTrader's and the api's, on loopback; the proxy alone is open."""
    services = composed()["services"]
    ours = services["tapewire"]["ports"]

    assert all(each.startswith("127.0.0.1:") for each in ours)
    published = set()
    for each in ours:
        outside, inside = each.removeprefix("127.0.0.1:").split(":")
        assert outside == inside
        first, _, last = inside.partition("-")
        published |= set(range(int(first), int(last or first) + 1))
    exposed = re.search(r"^EXPOSE (.+)$", DOCKERFILE, re.MULTILINE)
    assert exposed
    assert {int(each) for each in exposed[1].split()} == published
    base = Bus().base_port
    nts = ("broker.in", "broker.out", "ticks.in", "venue", "history", "backfill")
    assert published == {base + PORTS[name] for name in nts} | {8006}
    assert services["caddy"]["profiles"] == ["tls"]


def test_what_compose_mounts_and_builds_is_there() -> None:
    services = composed()["services"]
    mounts = [each for service in services.values() for each in service["volumes"] if each.startswith(".")]
    build = services["tapewire"]["build"]

    assert all((DEPLOY / "docker" / each.split(":")[0]).is_file() for each in mounts)
    assert (DEPLOY / "docker" / build["context"] / build["dockerfile"]).resolve() == DEPLOY / "docker" / "Dockerfile"
    named = {each.split(":")[0] for service in services.values() for each in service["volumes"] if not each.startswith(".")}
    assert named == set(composed()["volumes"])


def settings(path: Path) -> Conf:
    return configuration.load("live", instance="desk", traded=["MNQ"], preset=configuration.preset("seed", None, ()), account=path)


@pytest.mark.parametrize("kind", ["docker", "systemd"])
def test_the_settings_of_a_desk_are_settings(kind: str) -> None:
    """They load over `conf/live.toml`, and trading is off."""
    conf = settings(DEPLOY / kind / "desk.toml")

    assert conf.api.enabled
    assert not conf.trading.enabled


def test_a_service_opens_no_port_to_the_network_before_it_is_told_to() -> None:
    """The container must, within itself; a machine as it is installed must not, and sends no key as it is."""
    conf = settings(DEPLOY / "systemd" / "desk.toml")

    assert (conf.bus.host, conf.api.host) == (Bus().host, Api().host)
    assert not conf.api.plain_outside


def test_what_is_commented_out_in_the_settings_of_a_service_are_settings(tmp_path: Path) -> None:
    text = re.sub(r"^# (?=\w+ = )", "", (DEPLOY / "systemd" / "desk.toml").read_text("utf-8"), flags=re.MULTILINE)
    (tmp_path / "desk.toml").write_text(text)

    conf = settings(tmp_path / "desk.toml")
    assert (conf.bus.host, conf.api.names) == ("192.168.1.20", ("signals.example",))


def test_every_setting_of_the_table_exists() -> None:
    """By section and name, as the structs have them."""
    named = re.findall(r"^\| `\[(\w+)\] (\w+)` \|", README, re.MULTILINE)
    sections = {field.encode_name: field.type for field in msgspec.structs.fields(Conf)}

    assert len(named) > 10
    for section, name in named:
        assert name in sections[section].__struct_fields__, f"[{section}] {name}"


def test_every_setting_that_is_changed_is_in_the_table() -> None:
    desks = [msgspec.toml.decode(path.read_bytes()) for path in DEPLOY.glob("*/desk.toml")]
    changed = {(section, name) for desk in desks for section, values in desk.items() for name in values}

    assert changed <= set(re.findall(r"^\| `\[(\w+)\] (\w+)` \|", README, re.MULTILINE))


def test_every_variable_of_the_table_is_read_somewhere() -> None:
    """And each that the files set is in it."""
    table = README.split("| environment |")[1].split("\n\n")[0]
    named = set(re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE))
    python = "".join(path.read_text("utf-8") for folder in ("bus", "daemons") for path in (ROOT / folder).rglob("*.py"))
    python += (ROOT / "setup.py").read_text("utf-8")
    files = (DEPLOY / "caddy" / "Caddyfile").read_text("utf-8") + (DEPLOY / "docker" / "compose.yaml").read_text("utf-8")
    readers = {"HOME": "Path.home()", "TMPDIR": "tempfile.gettempdir()"}  # by what the standard library reads them for

    for name in named:
        assert readers.get(name, f'"{name}"') in python or name in files, name
    given = set(re.findall(r"\bTAPEWIRE_[A-Z]+", files + DOCKERFILE + UNIT))
    given |= set(re.findall(r"\b(HOME|TMPDIR|XDG_CONFIG_HOME)=", DOCKERFILE + UNIT))
    assert given <= named
