"""`python -m docs.pages FOLDER`: write everything that the site is built of into a folder, and the configuration beside it.

The documents stay where they are, beside what they describe. Here they are read, and their links are led to pages of the site: a
document to its page, a picture to its copy, any other file or folder of the repository to a page that shows it. The result is plain
Markdown, so the site depends on no plug-in of ours, and another program that reads `mkdocs.yml` can build it as well.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from docs import program
from tapewire import commands

ROOT = Path(__file__).parents[1]
HERE = PurePosixPath("docs")

# What the site holds, in its order: title, and the document from the root. A page of ours lies in docs/.
NAVIGATION: Mapping[str, Mapping[str, str]] = {
    "Start": {
        "tapewire": "README.md",
        "Install": "docs/install.md",
        "First ten minutes": "docs/first.md",
        "Your own data": "docs/data.md",
        "Reading a report": "docs/report.md",
        "Going live, step by step": "docs/live.md",
        "Questions": "docs/faq.md",
        "Words": "docs/words.md",
    },
    "Research": {
        "Python and notebooks": "docs/python.md",
        "Coming from another engine": "docs/engines.md",
        "Questions to a recording": "docs/research.md",
        "How orders are filled": "docs/fills.md",
        "A model that learned": "docs/model.md",
        "The model example": "examples/model/README.md",
        "Writing a strategy": "strategies/README.md",
        "The playbook": "strategies/PLAYBOOK.md",
        "Features": "strategies/features/FEATURES.md",
        "Files that are read": "replay/sources/README.md",
        "Any table, by a mapping": "replay/sources/MAPPING.md",
        "Instruments": "docs/instruments.md",
    },
    "Live": {
        "Runbook": "daemons/RUNBOOK.md",
        "The bridge in NinjaTrader": "ninjascript/README.md",
        "A chart over HTTP": "ninjascript/examples/README.md",
        "A start by itself": "daemons/SCHEDULE.md",
        "Alerts": "daemons/alerts/README.md",
        "HTTP and the page": "daemons/api/README.md",
        "The gate and its limits": "daemons/gate/README.md",
        "Why the gate refuses": "daemons/gate/REASONS.md",
        "Running it elsewhere": "deploy/README.md",
        "For a subscriber": "examples/subscribers/README.md",
    },
    "The wire": {
        "Other languages": "docs/wire.md",
        "The protocol": "bus/PROTOCOL.md",
        "Golden frames": "tests/golden/README.md",
    },
    "Inside": {
        "Architecture": "ARCHITECTURE.md",
        "Working on tapewire": "CONTRIBUTING.md",
        "Benches": "tests/bench/README.md",
        "Stand-ins for NinjaTrader": "ninjascript/testing/README.md",
        "Changelog": "CHANGELOG.md",
    },
}
HOME = "README.md"
WITHOUT_CONTENTS = "---\nhide:\n  - toc\n---\n"  # its drawing takes the whole width
COMMANDS = "commands"
ICON = "daemons/api/static/icon.svg"

LINK = re.compile(r"(\]\()([^)\s]+)((?:\s+\"[^\"]*\")?\))")
CODE = re.compile(r"(`+)(?!`).+?(?<!`)\1(?!`)")
FENCE = re.compile(r"^(\s*)(```+|~~~+)\s*([\w+-]*)")
ITEM = re.compile(r"^ {0,3}(?:[-*]|\d+\.) ")
INCLUDED = re.compile(r'^<!-- include (\S+) "(.+)" -->$', re.MULTILINE)
SHELL = re.compile(r"(?:\$ |\.venv/bin/|sudo |[A-Z]=)*(?:tapewire|make|pip|python3?|curl|docker|mono|mcs|cd) ")
LANGUAGES = {
    ".py": "python",
    ".toml": "toml",
    ".cs": "csharp",
    ".mjs": "javascript",
    ".yml": "yaml",
    ".yaml": "yaml",
    ".sh": "bash",
}
PICTURES = frozenset({".png", ".svg", ".jpg"})
MOST_BYTES = 200_000
"""Of a file that is shown. A longer one is named with its size."""


class Page(NamedTuple):
    """A page of the site: where it lies in the site, and its Markdown."""

    path: PurePosixPath
    text: str


def documents() -> dict[str, PurePosixPath]:
    """Each document of the navigation, by its path from the root, with its place in the site."""
    return {source: placed(source) for titles in NAVIGATION.values() for source in titles.values()}


def placed(source: str) -> PurePosixPath:
    """Where a document lies in the site. Folders stay, so the address of a page tells where its text stands."""
    if source == HOME:
        return PurePosixPath("index.md")
    path = PurePosixPath(source)
    path = path.relative_to(HERE) if path.is_relative_to(HERE) else path
    return path.with_name("index.md") if path.name == "README.md" else path


class Site:
    """Makes the pages one after another. Which files the documents lead to is known when all documents have been read."""

    def __init__(self) -> None:
        self.documents = documents()
        self.shown: dict[str, PurePosixPath] = {}
        self.pictures: set[str] = set()

    def pages(self) -> Iterator[Page]:
        """Every page: documents, commands, and the files that those name."""
        for source, path in self.documents.items():
            text = self.converted((ROOT / source).read_text("utf-8"), source, path)
            yield Page(path, WITHOUT_CONTENTS + text if source == HOME else text)
        for name, text in program.pages(program.printed(self.documents, ROOT), self.documents):
            yield Page(PurePosixPath(COMMANDS) / f"{name}.md", text)
        done: set[str] = set()
        while more := self.shown.keys() - done:  # a shown folder leads to its files
            for source in sorted(more):
                done.add(source)
                yield Page(self.shown[source], self.file(source))

    def converted(self, text: str, source: str, path: PurePosixPath) -> str:
        """A document as the site has it: sections of others in place, links to pages, what Python-Markdown reads differently."""
        text = self.linked(text, source, path)
        return arranged(INCLUDED.sub(lambda found: self.linked(section(found[1], found[2]), found[1], path), text))

    def linked(self, text: str, source: str, path: PurePosixPath) -> str:
        """The links of a text that stands in `source`, as they are from the page."""
        return outside_code(text, lambda part: LINK.sub(lambda found: found[1] + self.led(found[2], source, path) + found[3], part))

    def led(self, target: str, source: str, path: PurePosixPath) -> str:
        """One link, as it is from the page.

        Raises:
            FileNotFoundError: it leads to nothing in the repository.
        """
        address, mark, anchor = target.partition("#")
        if "://" in address or address.startswith("mailto:") or not address:
            return target
        named = os.path.normpath(PurePosixPath(source).parent / address)
        if PurePosixPath(named).parent == HERE / COMMANDS:  # made, and nowhere in the repository
            return relative(PurePosixPath(named).relative_to(HERE), path) + mark + anchor
        if not (ROOT / named).exists():
            raise FileNotFoundError(f"{source} leads to {target}, which is not in the repository")
        if named in self.documents:
            return relative(self.documents[named], path) + mark + anchor
        if PurePosixPath(named).suffix in PICTURES:
            self.pictures.add(named)
            return relative(PurePosixPath(named), path)
        return relative(self.showing(named), path)

    def showing(self, named: str) -> PurePosixPath:
        """The page that shows a file or a folder."""
        return self.shown.setdefault(named, PurePosixPath("files") / f"{named}.md")

    def file(self, named: str) -> str:
        """A file of the repository, or what is in a folder."""
        path = ROOT / named
        if path.is_dir():
            inside = sorted(each for each in path.iterdir() if each.is_file() and not each.name.startswith((".", "__")))
            here = self.shown[named]
            rows = (f"- [{each.name}]({self.led(each.name, f'{named}/x', here)})\n" for each in inside)
            return f"# {named}/\n\n{''.join(rows)}"
        content = path.read_bytes()
        if len(content) > MOST_BYTES:
            return f"# {named}\n\n{len(content):,} bytes; it lies at this path in the repository.\n"
        text = shown(path.name, content.decode("utf-8"))
        ticks = "`" * (2 + max(map(len, re.findall(r"`+", text)), default=1))
        return f"# {named}\n\n{ticks}{LANGUAGES.get(path.suffix, 'text')}\n{text.rstrip()}\n{ticks}\n"


def shown(name: str, text: str) -> str:
    """What a person reads of a file: of a notebook its cells."""
    if not name.endswith(".ipynb"):
        return text
    cells = json.loads(text)["cells"]
    return "\n\n".join("".join(each["source"]) if each["cell_type"] == "code" else commented(each["source"]) for each in cells)


def commented(lines: list[str]) -> str:
    return "".join(f"# {line}" for line in lines)


def relative(target: PurePosixPath, page: PurePosixPath) -> str:
    """The way from a page to another file of the site."""
    return PurePosixPath(os.path.relpath(target, page.parent)).as_posix()


def section(source: str, heading: str) -> str:
    """The text below a heading of a document, up to the next heading of the first or second rank.

    Raises:
        LookupError: the document has no such heading.
    """
    text = (ROOT / source).read_text("utf-8")
    found = re.search(rf"^(#+) {re.escape(heading)}\n(.*?)(?=^#{{1,2}} |\Z)", text, re.MULTILINE | re.DOTALL)
    if found is None:
        raise LookupError(f"{source} has no section {heading!r}")
    return found[2].strip()


def outside_code(text: str, changed: Callable[[str], str]) -> str:
    """The text with everything changed that is neither in a fence nor between backticks."""
    out: list[str] = []
    plain: list[str] = []
    fence = ""
    for line in text.splitlines(keepends=True):
        found = FENCE.match(line)
        if not fence and found:
            out.append(outside_ticks("".join(plain), changed))
            plain, fence = [], found[2]
            out.append(line)
        elif fence:
            out.append(line)
            fence = "" if line.strip() == fence else fence
        else:
            plain.append(line)
    return "".join((*out, outside_ticks("".join(plain), changed)))


def outside_ticks(text: str, changed: Callable[[str], str]) -> str:
    """The same of a text without fences. A link may hold code in its words, so links are looked for with the code hidden."""
    hidden: list[str] = []

    def hide(found: re.Match[str]) -> str:
        hidden.append(found[0])
        return f"\0{len(hidden) - 1}\0"

    return re.sub(r"\0(\d+)\0", lambda found: hidden[int(found[1])], changed(CODE.sub(hide, text)))


def arranged(text: str) -> str:
    """What GitHub and Python-Markdown read differently: lists within lists have 4 spaces, a fence ends before a blank line.

    Commands are named as such, so that they have colours.
    """
    out, fence, shift, listed = [], "", "", False
    lines = text.splitlines()
    for at, line in enumerate(lines):
        found = FENCE.match(line)
        if fence:
            out.append(shift + line if line.strip() else line)
            if line.strip() == fence:
                fence = ""
                out.extend([""] if at + 1 < len(lines) and lines[at + 1].strip() else [])
            continue
        if line.strip() and not line.startswith(" "):
            listed = bool(ITEM.match(line))
        indent = len(line) - len(line.lstrip())
        shift = " " * (4 - indent) if listed and 2 <= indent < 4 else ""
        if found:
            fence = found[2]
            inside = lines[at + 1].strip() if at + 1 < len(lines) else ""
            line += "bash" if not found[3] and SHELL.match(f"{inside} ") else ""
        out.append(shift + line)
    return "\n".join(out) + "\n"


def navigation(groups: Mapping[str, Iterable[str]]) -> list[dict[str, list[object]]]:
    """The navigation as `mkdocs.yml` has it, with the commands by what they are for."""
    nav: list[dict[str, list[object]]] = [
        {part: [{title: documents()[source].as_posix()} for title, source in titles.items()]} for part, titles in NAVIGATION.items()
    ]
    overview: list[object] = [{"All commands": f"{COMMANDS}/index.md"}]
    pages: list[object] = [{title: [{name: f"{COMMANDS}/{name}.md"} for name in sorted(names)]} for title, names in groups.items()]
    nav.insert(3, {"Commands": overview + pages})
    return nav


def write(folder: Path) -> Path:
    """Write everything into a folder, in place of what is there, and return the path of its configuration."""
    shutil.rmtree(folder, ignore_errors=True)
    content = folder / "pages"
    site = Site()
    for page in site.pages():
        path = content / page.path
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(page.text, "utf-8")
    for picture in sorted(site.pictures):
        (content / picture).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / picture, content / picture)
    shutil.copytree(ROOT / HERE / "static", content / "static")
    shutil.copy(ROOT / ICON, content / "static")
    configuration = folder / "mkdocs.yml"
    base = (ROOT / HERE / "mkdocs.yml").read_text("utf-8")
    configuration.write_text(f"{base}\nnav: {json.dumps(navigation(commands.by_title()))}\n", "utf-8")
    return configuration


if __name__ == "__main__":
    print(write(Path(sys.argv[1])))
