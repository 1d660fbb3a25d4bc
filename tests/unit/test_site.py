"""What the site is built of: every document, a page for each command as the program has it, links that lead to pages."""

from __future__ import annotations

import configparser
import hashlib
import re
from pathlib import Path, PurePosixPath

import pytest

from docs import pages, program
from tapewire import commands
from tests.documents import ROOT, files

NAMES = sorted(name for names in commands.COMMANDS.values() for name in names)
SHIM = "e8e412dbcfea9b7e31b5ffa288d7b6035915e714c542f4176a0cdbe262fc9609"  # of shim/index.js of iframe-worker 1.0.4 in npm
SOURCE, PAGE = "daemons/RUNBOOK.md", PurePosixPath("daemons/RUNBOOK.md")


@pytest.fixture(scope="module")
def site() -> dict[str, str]:
    """Every page, by its place in the site."""
    return {page.path.as_posix(): page.text for page in pages.Site().pages()}


def test_every_document_is_in_the_navigation() -> None:
    """And every entry of the navigation is a document."""
    documents = {path.as_posix() for path in files() if path.suffix == ".md"}

    assert set(pages.documents()) == documents


@pytest.mark.parametrize("name", NAMES)
def test_a_command_has_a_page_with_all_that_it_takes(site: dict[str, str], name: str) -> None:
    """Its own words, each of its verbs, each option with what it means; and the overview leads there."""
    page = site[f"commands/{name}.md"]
    command = program.command(name)
    verbs = getattr(command, "commands", {})
    taken = [each for found in (command, *verbs.values()) for each in found.params if each.param_type_name == "option"]

    assert f"[{name}]({name}.md)" in site["commands/index.md"]
    assert program.prose(command.help) in page
    assert re.findall(rf"^## tapewire {name} (\S+)$", page, re.MULTILINE) == [*verbs]
    assert [option for each in taken for option in each.opts if not re.search(rf"[`, ]{option}[`, ]", page)] == []
    assert [each.help for each in taken if each.help and program.cell(each.help) not in page] == []


@pytest.mark.parametrize("name", NAMES)
def test_a_command_stands_in_a_document(site: dict[str, str], name: str) -> None:
    """Its page leads to the section in which a reader meets it."""
    assert "\n## Where it is s" in site[f"commands/{name}.md"]


@pytest.mark.parametrize(
    ("written", "led"),
    [
        ("[a](../bus/PROTOCOL.md#3-topics)", "[a](../bus/PROTOCOL.md#3-topics)"),
        ("[a](../README.md)", "[a](../index.md)"),
        ("[a](alerts/README.md)", "[a](alerts/index.md)"),
        ("[a](../docs/first.md)", "[a](../first.md)"),
        ("[a](#looking)", "[a](#looking)"),
        ("[a](https://example.org/x.md)", "[a](https://example.org/x.md)"),
        ("![a](api/page.png)", "![a](api/page.png)"),
        ("[`a`](../conf/live.toml)", "[`a`](../files/conf/live.toml.md)"),
        ("[a](../conf/programs/)", "[a](../files/conf/programs.md)"),
        ("`[a](../README.md)`", "`[a](../README.md)`"),
        ("```\n[a](../README.md)\n```", "```\n[a](../README.md)\n```"),
        ("[a](../docs/commands/up.md)", "[a](../commands/up.md)"),
    ],
)
def test_a_link_leads_to_a_page(written: str, led: str) -> None:
    """From where the document stands in the repository to where the page stands in the site; code is left alone."""
    assert pages.Site().linked(written, SOURCE, PAGE) == led


def test_a_link_to_nothing_is_an_error() -> None:
    """With the document and the link."""
    with pytest.raises(FileNotFoundError, match=r"daemons/RUNBOOK.md leads to none.md"):
        pages.Site().linked("[a](none.md)", SOURCE, PAGE)


@pytest.mark.parametrize(
    ("written", "arranged"),
    [
        ("1. a\n   - b\n", "1. a\n    - b\n"),
        ("1. a\n\n   ```\n   x\n     y\n   ```\nb\n", "1. a\n\n    ```\n    x\n      y\n    ```\n\nb\n"),
        ("a\n  b\n", "a\n  b\n"),
        ("```\n.venv/bin/tapewire up\n```\n", "```bash\n.venv/bin/tapewire up\n```\n"),
        ("```\n| a |\n```\n", "```\n| a |\n```\n"),
        ("```toml\n1. a\n  b\n```\n", "```toml\n1. a\n  b\n```\n"),
    ],
)
def test_a_document_is_arranged_for_python_markdown(written: str, arranged: str) -> None:
    """What it reads otherwise than GitHub: the depth of lists in lists. Commands are told from other text."""
    assert pages.arranged(written) == arranged


def test_a_section_of_another_document_is_included(site: dict[str, str]) -> None:
    """So its text stands once. A heading that is not there is an error."""
    assert "| bracket | the resting stop and target of a position |" in site["words.md"]
    assert "<!-- include" not in site["words.md"]
    with pytest.raises(LookupError, match="no section 'Nothing'"):
        pages.section("strategies/PLAYBOOK.md", "Nothing")


def test_a_linked_file_has_a_page_that_shows_it(site: dict[str, str]) -> None:
    """As it is; a notebook by its cells, a folder by its files."""
    assert (ROOT / "strategies" / "template.py").read_text("utf-8") in site["files/strategies/template.py.md"]
    assert "run.why_not(" in site["files/examples/first_look.ipynb.md"]
    assert "(programs/evaluation_150k_2026_02.toml.md)" in site["files/conf/programs.md"]


def test_the_installation_names_every_extra() -> None:
    """As setup.cfg has them."""
    settings = configparser.ConfigParser()
    settings.read(ROOT / "setup.cfg")
    rows = re.findall(r"^\| `(\w+)` \|", (ROOT / "docs" / "install.md").read_text("utf-8"), re.MULTILINE)

    assert sorted(rows) == sorted(settings["options.extras_require"])


def test_the_worker_of_the_search_is_the_one_that_its_maker_ships() -> None:
    """Byte for byte, with its licence beside it."""
    static = ROOT / "docs" / "static"

    assert hashlib.sha256((static / "iframe-worker.js").read_bytes()).hexdigest() == SHIM
    assert "Martin Donath" in (static / "iframe-worker.LICENSE.txt").read_text("utf-8")


def test_everything_is_written_in_place_of_what_was_there(tmp_path: Path) -> None:
    """Pages, pictures, styles, and the configuration with the navigation."""
    (tmp_path / "pages").mkdir()
    (tmp_path / "pages" / "old.md").touch()

    configuration = pages.write(tmp_path)

    written = {path.relative_to(tmp_path / "pages").as_posix() for path in (tmp_path / "pages").rglob("*") if path.is_file()}
    assert {"index.md", "commands/up.md", "daemons/api/page.png", "static/icon.svg", "static/site.css"} <= written
    assert "old.md" not in written
    assert '{"up": "commands/up.md"}' in configuration.read_text("utf-8")
