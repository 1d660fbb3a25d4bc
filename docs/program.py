"""The commands as the program has them: a page for each, and where the documents print it or speak of it."""

from __future__ import annotations

import importlib
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple

from pymdownx.slugs import slugify

from tapewire import commands
from tapewire.daemons.operator import cli

FENCE = re.compile(r"^\s*(```+)")
HEADING = re.compile(r"^#+ (.+)$")
PRINTED = re.compile(r"^\s*(?:\$ )?(?:\.venv/bin/)?tapewire(?= |$)")
SPOKEN = re.compile(r"`(?:\.venv/bin/)?tapewire ([a-z][^`]*)`")
WORD = re.compile(r"<[^>]+>|[^\s,]+")
COMMENT = re.compile(r"\s+# .*$")

slug = slugify(case="lower")


class Printed(NamedTuple):
    """A command in a document: its words without program and comment, the document, its line and heading.

    alone: it stands on a line of its own, in a fence; otherwise a sentence speaks of it.
    """

    words: str
    source: str
    line: int
    heading: str
    alone: bool

    @property
    def name(self) -> str:
        """The command."""
        return self.words.split()[0]


def command(name: str) -> Any:
    """The command of this name as click has it. Any: typer has click's types of its own, or click's, by its version."""
    (module,) = (module for module, names in commands.COMMANDS.items() if name in names)
    return cli.registered(importlib.import_module(f"tapewire.{module}").register)[name]


def printed(documents: Iterable[str], root: Path) -> list[Printed]:
    """Every command in these documents, in their order."""
    return [found for source in documents for found in in_text((root / source).read_text("utf-8"), source)]


def in_text(text: str, source: str) -> Iterator[Printed]:
    """The commands of one document. A line that ends with a backslash goes on with the next one."""
    fence, heading, lines = "", "", iter(enumerate(text.splitlines(), 1))
    for number, line in lines:
        if marks := FENCE.match(line):
            fence = "" if fence else marks[1]
        elif not fence:
            heading = found[1] if (found := HEADING.match(line)) else heading
            yield from (Printed(words, source, number, heading, False) for words in SPOKEN.findall(line))
        elif PRINTED.match(line):
            whole = line
            while whole.endswith("\\"):
                whole = whole[:-1] + next(lines)[1].strip()
            words = PRINTED.sub("", COMMENT.sub("", whole)).strip()
            if words and not words.startswith("-"):
                yield Printed(words, source, number, heading, True)


def pages(shown: Iterable[Printed], places: Mapping[str, PurePosixPath]) -> Iterator[tuple[str, str]]:
    """Name and Markdown of each page: the overview, then the commands."""
    yield "index", overview()
    by_name: dict[str, list[Printed]] = {}
    for each in shown:
        by_name.setdefault(each.name, []).append(each)
    for names in commands.by_title().values():
        for name in names:
            yield name, page(name, by_name.get(name, []), places)


def overview() -> str:
    """All commands, each with its line of `tapewire --help`."""
    parts = ["# Commands\n\nMade from the program itself, as `tapewire --help` and `tapewire COMMAND --help` tell it.\n"]
    for title, lines in commands.by_title().items():
        rows = "".join(f"| [{name}]({name}.md) | {cell(line)} |\n" for name, line in lines.items())
        parts.append(f"\n## {title}\n\n| command | does |\n| --- | --- |\n{rows}")
    return "".join(parts)


def page(name: str, shown: list[Printed], places: Mapping[str, PurePosixPath]) -> str:
    """One command with its options; of a group each of its commands; and the sections of documents that show it."""
    found = command(name)
    parts = [f"# tapewire {name}\n\n", described(found, f"tapewire {name}")]
    for verb, below in getattr(found, "commands", {}).items():
        parts.append(f"\n## tapewire {name} {verb}\n\n{described(below, f'tapewire {name} {verb}')}")
    sections: dict[str, list[str]] = {}
    for each in shown:
        sections.setdefault(link(each, places), []).extend([f"tapewire {each.words}"] if each.alone else [])
    printed_in = {where: lines for where, lines in sections.items() if lines}
    if printed_in:
        parts.append("\n## Where it is shown\n")
        parts.extend(f"\n{where}\n\n```bash\n{chr(10).join(dict.fromkeys(lines))}\n```\n" for where, lines in printed_in.items())
    if spoken_of := [where for where in sections if where not in printed_in]:
        parts.append("\n## Where it is spoken of\n\n" + "".join(f"- {where}\n" for where in spoken_of))
    return "".join(parts)


def link(each: Printed, places: Mapping[str, PurePosixPath]) -> str:
    """The section of a document in which a command stands, from the page of the command."""
    way = PurePosixPath(os.path.relpath(places[each.source], "commands")).as_posix()
    anchor = f"#{slug(each.heading, '-')}" if each.heading else ""
    return f"[{each.heading or each.source}]({way}{anchor}) ({each.source})"


def described(found: Any, called: str) -> str:
    """What a command does, how it is called, and what it takes, in the words of its `--help`."""
    context = found.make_context(called, [], resilient_parsing=True)
    taken = [each for each in found.get_params(context) if each.name != "help" and each.get_help_record(context)]
    needed = [each.get_help_record(context)[0] for each in taken if each.param_type_name == "option" and each.required]
    parts = [f"{prose(found.help or '')}\n\n```bash\n{' '.join((called, *found.collect_usage_pieces(context), *needed))}\n```\n"]
    for kind in ("argument", "option"):
        rows = "".join(row(*each.get_help_record(context)) for each in taken if each.param_type_name == kind)
        parts.append(f"\n| {kind} | means |\n| --- | --- |\n{rows}" if rows else "")
    return "".join(parts)


def row(names: str, help_text: str) -> str:
    """An argument or an option in its table. What the program adds in brackets, such as a default, stands behind the words."""
    text, _, added = help_text.partition("  [")
    more = f" *{cell(added.removesuffix(']').replace('; ', ', '))}*" if added else ""
    taken = WORD.sub(r"`\g<0>`", names)
    return f"| {taken} | {cell(text)}{more} |\n"


def prose(text: str) -> str:
    """A docstring as Markdown: paragraphs as they are, signs of HTML as text."""
    return re.sub(r"<", "&lt;", text.replace("\f", "").strip())


def cell(text: str) -> str:
    """Text in a cell of a table."""
    return " ".join(re.sub(r"<", "&lt;", text).replace("|", "\\|").split())
