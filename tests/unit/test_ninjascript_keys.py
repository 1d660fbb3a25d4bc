"""tapewire.key as the bridge reads it: the file that Python writes, and the reason for every other one."""

from pathlib import Path

import pytest
import zmq
from zmq.utils import z85

from tapewire.bus import keys
from tests.mono import needs_mono, run
from tests.mono import program as program

pytestmark = [pytest.mark.slow, needs_mono]

PUBLIC, SECRET = (half.decode() for half in zmq.curve_keypair())
SERVER = zmq.curve_keypair()[0].decode()
GOOD = {"name": "nt", "role": "bridge", "public": PUBLIC, "secret": SECRET, "server": SERVER}
READ = f"key {z85.decode(PUBLIC).hex('-').upper()} {z85.decode(SERVER).hex('-').upper()}"


def text(**changed: str | None) -> str:
    """A key file with some of its values replaced; None removes the line."""
    return "".join(f'{name} = "{value}"\n' for name, value in (GOOD | changed).items() if value is not None)


def read(program: Path, folder: Path, content: str | bytes) -> str:
    """What the bridge makes of a key file."""
    (folder / keys.BRIDGE_FILE).write_bytes(content if isinstance(content, bytes) else content.encode())
    done = run(program, "keys", given=f"{folder}\n")
    assert done.returncode == 0, done.stderr
    return done.stdout.removesuffix("\n")


def test_the_file_that_tapewire_writes_is_read(program, tmp_path):
    """With all of its lines."""
    made = tmp_path / "run"
    made.mkdir()
    keys.make(made)
    key = keys.bridge(made)
    keys.export(made, key, tmp_path / "exported", host="127.0.0.1", base_port=5550)

    answer = read(program, tmp_path, (tmp_path / "exported").read_bytes())

    server = keys.Keys(made).server.public
    assert answer == f"key {z85.decode(key.public).hex('-').upper()} {z85.decode(server).hex('-').upper()}"


@pytest.mark.parametrize(
    "content",
    [
        pytest.param("# a comment\n" + text(), id="a comment"),
        pytest.param('later = ["x"]\nbase_port = 5550\nno value\n' + text(), id="unknown lines"),
        pytest.param(text(name=None), id="no name"),
        pytest.param(b"\xef\xbb\xbf" + text().replace("\n", "\r\n").encode(), id="saved by a Windows editor"),
        pytest.param(text().replace(" = ", "="), id="no blanks"),
    ],
)
def test_other_lines_are_ignored(program, tmp_path, content):
    """A later version may write more, and a person may have edited it."""
    assert read(program, tmp_path, content) == READ


@pytest.mark.parametrize(
    "content, complaint",
    [
        (text(role=None), "role is missing"),
        (text(public=None), "public is missing"),
        (text(secret=None), "secret is missing"),
        (text(server=None), "server is missing"),
        (text().replace('"', ""), "role is missing"),
        ("", "role is missing"),
        (text(role="reader"), "its role is not bridge"),
        (text(role=SECRET), "its role is not bridge"),
        (text(public=PUBLIC[:-1]), "public is no key of 40 characters (Z85)"),
        (text(secret=SECRET + "0"), "secret is no key of 40 characters (Z85)"),
        (text(secret=SECRET[:-1] + "~"), "secret is no key of 40 characters (Z85)"),
        (text(server="#" * 40), "server is no key of 40 characters (Z85)"),
    ],
)
def test_a_refusal_names_the_field_and_never_its_value(program, tmp_path, content, complaint):
    """The trader sees it in the chart's corner, and a picture of the chart may be sent to others."""
    answer = read(program, tmp_path, content)

    assert answer == f'tapewire.key: {complaint}; write it again: run `tapewire keys bridge --to "{tmp_path}"` on the tapewire side'
    assert SECRET[:8] not in answer


def test_a_file_that_is_none_is_not_read(program, tmp_path):
    """A long one, and a folder."""
    assert "it has more than 65536 bytes" in read(program, tmp_path, text() + "#" * 65536)
    (tmp_path / keys.BRIDGE_FILE).unlink()
    (tmp_path / keys.BRIDGE_FILE).mkdir()

    assert run(program, "keys", given=f"{tmp_path}\n").stdout.startswith("tapewire.key cannot be read: ")


@pytest.mark.parametrize(
    "folder, shown",
    [
        ("/tmp/nowhere", "/tmp/nowhere"),
        (r"C:\Users\me\Documents\NinjaTrader 8\tapewire", "/mnt/c/Users/me/Documents/NinjaTrader 8/tapewire"),
        (r"\\box\share", r"\\box\share"),
    ],
)
def test_a_missing_key_names_the_command_to_run(program, folder, shown):
    """As it can be pasted into a shell in WSL, which has another name for a Windows folder."""
    assert (
        run(program, "keys", given=f"{folder}\n").stdout
        == f'no key: run `tapewire keys bridge --to "{shown}"` on the tapewire side\n'
    )
