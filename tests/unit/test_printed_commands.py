"""Every command that a document prints is one of the program's, with options that it has."""

from __future__ import annotations

import re
import shlex
from typing import Any

import pytest

from docs import pages, program
from docs.program import Printed

SHELL = re.compile(r"\s(?:[<>|]|2>).*$")
NO_COMMANDS = {"local", "feed 1", "head 1"}  # words of the protocol that are signed or hashed
FOUND = program.printed(pages.documents(), pages.ROOT)


def taken(words: str) -> tuple[Any, list[str]]:
    """The command, or a group's, and the words behind it."""
    name, *rest = shlex.split(SHELL.sub("", words))
    command = program.command(name)
    verbs = getattr(command, "commands", {})
    return (verbs[rest[0]], rest[1:]) if verbs else (command, rest)


@pytest.mark.parametrize("each", [each for each in FOUND if each.alone], ids=lambda each: f"{each.source}:{each.line}")
def test_a_printed_command_is_taken(each: Printed) -> None:
    """It has everything that the command needs, and nothing that it does not know."""
    assert refusal(each.words) is None


@pytest.mark.parametrize("words", ["backtest --data DIR", "diff a b --hard", "up --timeout soon", "keys lost"])
def test_a_wrong_one_is_found(words: str) -> None:
    """The test above would notice: something is missing, unknown, of another type, or no verb of the group."""
    assert refusal(words) is not None


def refusal(words: str) -> Exception | None:
    try:
        command, rest = taken(words)
        command.make_context(words, rest)
    except Exception as error:  # of click, or of typer's own click, by its version
        return error
    return None


def test_a_command_in_a_sentence_exists() -> None:
    """With its verb, if it has verbs (`alert add|test` names two), and its options."""
    spoken = [each for each in FOUND if not each.alone and each.words not in NO_COMMANDS]

    assert len(spoken) > 100
    assert [f"{each.source}:{each.line}: {each.words}" for each in spoken if not known(each.words)] == []


def known(spoken: str) -> bool:
    """Whether the program has the command, the verbs and the options of this phrase."""
    name, *rest = spoken.partition(" -- ")[0].split()
    try:
        command = program.command(name)
    except ValueError:
        return False
    found = [command]
    verbs = getattr(command, "commands", {})
    if verbs and rest and not rest[0].startswith("-"):
        if not set(rest[0].split("|")) <= set(verbs):
            return False
        found = [verbs[verb] for verb in rest[0].split("|")]
    options = {option for each in found for taken in each.params for option in (*taken.opts, *taken.secondary_opts)}
    return all(word in options for word in rest if word.startswith("--"))
