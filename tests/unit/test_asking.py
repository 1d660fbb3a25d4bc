"""How much a subscriber may ask."""

from __future__ import annotations

from tapewire.daemons.shell.asking import ALL_NS, QUESTIONS, WORK_NS, Allowance


def test_questions_are_counted_by_key_and_second() -> None:
    allowance = Allowance()
    told = [allowance.refusal("anna") for _ in range(QUESTIONS + 1)]

    assert told[:-1] == [""] * QUESTIONS
    assert told[-1].startswith("RATE: more than 20 questions")
    assert allowance.refusal("bert") == ""
    allowance.renew()
    assert allowance.refusal("anna") == ""


def test_long_answers_are_worked_off_before_the_next() -> None:
    """One of three shares blocks its key for two seconds more, and nobody else."""
    allowance = Allowance()
    allowance.worked("anna", 3 * WORK_NS - 1)
    told = []
    for _ in range(4):
        told.append({who: allowance.refusal(who).partition(":")[0] for who in ("anna", "bert")})
        allowance.renew()

    assert [each["anna"] for each in told] == ["RATE", "RATE", "", ""]
    assert {each["bert"] for each in told} == {""}


def test_many_keys_together_leave_time_for_the_stream() -> None:
    """Whatever their number."""
    allowance = Allowance()
    asked = 0
    while not allowance.refusal(f"key{asked}"):
        allowance.worked(f"key{asked}", WORK_NS)
        asked += 1

    assert asked * WORK_NS <= ALL_NS + WORK_NS
