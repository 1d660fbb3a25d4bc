#!/usr/bin/env bash
# propfirm-calc 0.2.0: the largest position "that cannot breach the account if the stop is hit" breaches it, by the package's own test.
#
# Versions: propfirm-calc 0.2.0, CPython 3.11, Linux x86-64.
#
# Behaviour: `is_blown` documents that touching the drawdown's floor counts as a breach, as most firms enforce it, so that what may be lost
# is less than the distance to the floor. `max_contracts_from_cushion`, by default, and the command's `size`, divide exactly that
# distance by the loss at the stop (the parameter's description says that 100 % sizes right up to the floor). Futures move in whole
# ticks and floors are round sums, so the division often leaves nothing over: 40 contracts, stopped out, end on the floor, and the account
# is gone. One contract less is right there. Commissions are in neither.
#
# Output seen (50,000 with 2,000 of trailing drawdown, at its peak; a stop of 20 ticks of 2.50):
#   largest position: 40; after its stop: equity 48000, floor 48000, breached: True; with 39: False
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check 'propfirm-calc==0.2.0'
cat > "$folder/try.py" <<'PY'
import sys

from propfirm_calc import drawdown_floor, is_blown, max_contracts_from_cushion, position_risk

START, DRAWDOWN, STOP, TICK = 50_000, 2_000, 20, 2.50


def equity(contracts: int) -> float:
    """Of the account after its stop."""
    return START - position_risk(STOP, TICK, contracts)


largest = max_contracts_from_cushion(START, START, DRAWDOWN, START, STOP, TICK)
blown, less = (is_blown(equity(size), START, DRAWDOWN, START) for size in (largest, largest - 1))
floor = drawdown_floor(START, DRAWDOWN, START)
print(
    f"largest position: {largest}; after its stop: equity {equity(largest):.0f}, floor {floor:.0f}, breached: {blown}; "
    f"with {largest - 1}: {less}"
)
sys.exit(0 if blown and not less else 1)
PY
timeout 60 "$folder/venv/bin/python" -P "$folder/try.py" || { echo "the behaviour has changed"; exit 1; }
