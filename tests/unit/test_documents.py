"""What documents and comments point to is in the repository: documents, sections, files, tests and rooms."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.documents import FOLDERS, KINDS, ROOT, files, texts
from tests.unit.test_layers import FLOORS

ARCHITECTURE = (ROOT / "ARCHITECTURE.md").read_text("utf-8")
PROTOCOL = (ROOT / "bus" / "PROTOCOL.md").read_text("utf-8")
DOCUMENTS = [path for path in files() if path.suffix == ".md"]

PATH = re.compile(rf"(?<![\w./-])((?:{'|'.join(FOLDERS)})/[\w./-]+\.(?:py|cs|toml|md|conf|json))\b")
NAMED_DOCUMENT = re.compile(r"[\w./-]*\w\.md\b")
LINK = re.compile(r"\]\(([^)\s]+)\)")
NAMED_FILE = re.compile(r"`([\w./]+\.(?:py|cs|conf|toml|md))(?:::(\w+))?`")
PROTOCOL_SECTION = re.compile(r"PROTOCOL(?:\.md)?,?\s+(?:section\s+)?(\d+)\b")
CITED_SECTION = re.compile(r'\b(README|RUNBOOK|PLAYBOOK|SCHEDULE|MAPPING)(?:\.md)?(?:\]\([^)]*\))?, "([^"\n]+)"')
CODE = re.compile(r"`[^`]*`")
SPELLED_PATH = re.compile(r"`([\w.-]+(?:/[\w.-]*)*)(?:::\w+)?`")
GUIDES = ("README.md", "CONTRIBUTING.md", "daemons/RUNBOOK.md", "daemons/gate/README.md", "strategies/README.md", "bus/PROTOCOL.md")
# Paths in the guides that are not in the repository: what a run leaves in its folder, and a plug-in of the reader's.
NOT_HERE = {
    "journal/",
    "logs/NAME.log",
    "logs/supervisord.log",
    "logs/",
    "epochs/",
    "epochs/N/",
    "days/",
    "days/YYYY/MM/DD/",
    "days/YYYY/MM/",
    "versions/",
    "logs/verify.log",
    "DIR/live",
    "var/live",
}
INVARIANT = re.compile(r"ARCHITECTURE\.md, invariant (\d+)")
# Notes of the authors that a reader does not have, by the ways in which they were cited.
NOT_OURS = re.compile(r"\bcapabilities [A-G]\b|\bdesign \d+\.\d|\bspec/\w|\bseed 00\d|\bdocument [0-4]\b")
TOP_MUST_STAND = ("README.md", "CONTRIBUTING.md", "CHANGELOG.md", "ARCHITECTURE.md")
MADE_FOR_TESTS = ("tests/unit/test_documents.py", "tests/unit/test_site.py", "tests/integration/test_site.py")
MADE_LATER = ("index.md", "card.md")  # by the site, by a training


def shipped() -> Iterator[tuple[str, str]]:
    """Every text but the tests that spell out what must not be."""
    return ((name, text) for name, text in texts() if name not in MADE_FOR_TESTS)


def exists(name: str, beside: Path) -> bool:
    """Whether a document is reached by this name from the text's folder or from the root, or has a path that ends with it."""
    reached = (ROOT / beside / name).is_file() or (ROOT / name).is_file()
    return reached or any(f"/{path.as_posix()}".endswith(f"/{name}") for path in DOCUMENTS)


def test_the_documents_at_the_root_stand() -> None:
    """The test looks at the right folder."""
    assert {*TOP_MUST_STAND} <= {path.as_posix() for path in DOCUMENTS}


def test_every_document_that_is_cited_exists() -> None:
    """Any `NAME.md` in code, settings or documents."""
    missing = {
        f"{name}: {cited}"
        for name, text in shipped()
        for cited in NAMED_DOCUMENT.findall(text)
        if Path(cited).name not in MADE_LATER and not exists(cited, Path(name).parent)
    }

    assert not missing


def test_every_file_that_is_named_by_its_path_exists() -> None:
    """Paths from the root, in source, settings and documents. Tests invent folders of their own, so their code is not looked at."""
    looked_at = [(name, text) for name, text in shipped() if not (name.startswith("tests/") and name.endswith(".py"))]
    named = {(name, path) for name, text in looked_at for path in PATH.findall(text)}

    assert len(named) > 100
    assert not [f"{name}: {path}" for name, path in sorted(named) if not (ROOT / path).is_file()]


def spelled_paths(guide: Path) -> list[str]:
    """Every word in backticks that contains a slash or ends as a file does."""
    words = SPELLED_PATH.findall((ROOT / guide).read_text("utf-8"))
    return [word for word in words if "/" in word or Path(word).suffix in KINDS]


@pytest.mark.parametrize("guide", [Path(name) for name in GUIDES], ids=GUIDES)
def test_every_path_that_a_guide_names_exists(guide: Path) -> None:
    """From the root, from the guide's own folder, or as the end of a path below that folder."""
    places = {place for path in files() for place in (path, *path.parents) if place.is_relative_to(guide.parent)}
    below = [f"/{place.as_posix()}" for place in places]
    named = spelled_paths(guide)
    missing = [
        name
        for name in named
        if name not in NOT_HERE
        and not (ROOT / name).exists()
        and not (ROOT / guide.parent / name).exists()
        and not any(place.endswith(f"/{name}".rstrip("/")) for place in below)
    ]

    assert missing == []


def test_every_exception_is_named_by_a_guide() -> None:
    """The list of paths that are not in the repository has no entry too many."""
    assert {name for guide in GUIDES for name in spelled_paths(Path(guide))} >= NOT_HERE


def test_nothing_cites_the_notes_it_was_made_from() -> None:
    """They are not in the repository."""
    assert not [f"{name}: {found[0]}" for name, text in shipped() for found in NOT_OURS.finditer(text)]


@pytest.mark.parametrize("path", DOCUMENTS, ids=Path.as_posix)
def test_every_link_leads_to_a_file(path: Path) -> None:
    """Relative ones; a heading behind `#` is not looked at."""
    links = [link.partition("#")[0] for link in LINK.findall((ROOT / path).read_text("utf-8")) if "://" not in link]

    assert not [link for link in links if link and not (ROOT / path.parent / link).exists()]


@pytest.mark.parametrize("path", DOCUMENTS, ids=Path.as_posix)
def test_every_row_of_a_table_has_the_cells_of_its_header(path: Path) -> None:
    """A row that stands in another table than it was written for would show nothing of its last cells."""
    wrong, cells, fenced = [], 0, False
    for line in (ROOT / path).read_text("utf-8").splitlines():
        fenced ^= line.lstrip().startswith("```")
        count = len(re.findall(r"(?<!\\)\|", CODE.sub("", line))) if line.startswith("|") and not fenced else 0
        if cells and count not in (0, cells):
            wrong.append(line)
        cells = count and (cells or count)

    assert wrong == []


def test_every_cited_section_of_the_protocol_exists() -> None:
    """As "PROTOCOL.md, section 7" or "PROTOCOL.md 7"."""
    headings = set(re.findall(r"^## (\d+)\. ", PROTOCOL, re.MULTILINE))
    cited = {(name, number) for name, text in shipped() for number in PROTOCOL_SECTION.findall(text)}

    assert cited
    assert not [each for each in sorted(cited) if each[1] not in headings]


def headings(path: Path) -> set[str]:
    """Of a document; a line in a fence is none."""
    outside = re.sub(r"^\s*```.*?^\s*```", "", (ROOT / path).read_text("utf-8"), flags=re.MULTILINE | re.DOTALL)
    return set(re.findall(r"^#+ (.+)$", outside, re.MULTILINE))


def test_every_section_that_is_cited_by_its_heading_exists() -> None:
    """As `RUNBOOK.md, "The day"`, in any text; a section may have moved to another document."""
    cited = [(name, *found) for name, text in shipped() for found in CITED_SECTION.findall(text)]
    there = {(path.stem, heading) for path in DOCUMENTS for heading in headings(path)}

    assert len(cited) >= 5
    assert [each for each in cited if not any(each[1] == stem and each[2] in heading for stem, heading in there)] == []


# --- ARCHITECTURE.md ------------------------------------------------------------------------------------------------------------


def defined(path: Path) -> set[str]:
    """The functions, classes and names that a Python file defines at its top."""
    found: set[str] = set()
    for node in ast.parse(path.read_text("utf-8")).body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            found.add(node.name)
        elif isinstance(node, ast.Assign):
            found |= {target.id for target in node.targets if isinstance(target, ast.Name)}
    return found


def invariants() -> list[str]:
    """The text of each invariant."""
    _, _, behind = ARCHITECTURE.partition("## Invariants\n")
    return re.split(r"^\d+\. \*\*", behind, flags=re.MULTILINE)[1:]


def test_every_file_and_test_that_the_architecture_names_exists() -> None:
    """A test is named as `file::test`."""
    named = NAMED_FILE.findall(ARCHITECTURE)

    assert len(named) > 60
    assert not [file for file, _ in named if "/" in file and not (ROOT / file).is_file()]
    assert not [f"{file}::{name}" for file, name in named if name and name not in defined(ROOT / file)]


def test_every_invariant_has_tests() -> None:
    """At least two; and one that is cited by its number exists."""
    cited = {int(number) for _, text in shipped() for number in INVARIANT.findall(text)}

    assert len(invariants()) == 9
    assert all(text.count("::") >= 2 for text in invariants())
    assert cited <= set(range(1, 10))


def test_the_architecture_lists_the_floors_that_are_proved() -> None:
    """Rooms by floor, from the ground up, as tests/unit/test_layers.py has them."""
    rows = re.findall(r"^\| (\d+) \| (.+?) \| .+ \|$", ARCHITECTURE, re.MULTILINE)

    assert [(int(number), tuple(re.findall(r"`([\w.]+)`", rooms))) for number, rooms in rows] == list(enumerate(FLOORS))
