#!/usr/bin/env bash
# timeseriescv 0.2: a test fold at the end of the data switches purging and embargo off behind the other test fold of the same split.
#
# Versions: timeseriescv 0.2, pandas 3.1.1, numpy 2.4.6, CPython 3.11, Linux x86-64.
#
# Behaviour: CombPurgedKFoldCV tests on several folds at once. It promises that no label of the training overlaps one of the test, and an
# embargo behind each block of the test. What begins before the block's last label is over is to be dropped; but the end of a block, a
# row of the data, is used as a place in the list of test rows, so that the last label of a later block is taken unless the first block is
# the first of the data. Two things follow. Where the later block is the last of the data, the bound lies behind the data, and nothing is
# dropped behind the first one: overlapping labels stay in the training. Elsewhere all between the two blocks is dropped.
#
# Output seen (50 bars in 5 folds, labels over 3 bars, embargo of 2; 25 is the first row after a test on 10 to 19 that may be kept):
#   test on folds 2 and 5, kept between: 20 to 36, of which 20, 21, 22 overlap and 23, 24 are in the embargo
#   test on folds 2 and 4, kept between: nothing, where 25 and 26 are free
#   test on folds 1 and 5, kept between: 15 to 36
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check 'timeseriescv==0.2' 'pandas==3.1.1' 'numpy==2.4.6'
cat > "$folder/try.py" <<'PY'
import sys

import pandas
from timeseriescv.cross_validation import CombPurgedKFoldCV

BARS, LENGTH, FOLD = 50, 3, 10
times = pandas.date_range("2026-01-05 09:30", periods=BARS + LENGTH, freq="min")
features = pandas.DataFrame({"x": range(BARS)}, index=times[:BARS])
made = pandas.Series(times[:BARS], index=features.index)
known = pandas.Series(times[LENGTH:], index=features.index)
folds = CombPurgedKFoldCV(n_splits=BARS // FOLD, n_test_splits=2, embargo_td=pandas.Timedelta(minutes=2))


def kept(first: int, second: int) -> list[int]:
    """The training rows between two test folds."""
    for train, test in folds.split(features, pred_times=made, eval_times=known):
        if {int(at) // FOLD for at in test} == {first, second}:
            return [int(at) for at in train if (first + 1) * FOLD <= at < second * FOLD]
    raise LookupError


last, middle, first = kept(1, 4), kept(1, 3), kept(0, 4)
overlap = [at for at in last if at <= 2 * FOLD - 1 + LENGTH]
early = [at for at in last if at not in overlap and at <= 2 * FOLD - 1 + LENGTH + 2]
print(
    f"test on folds 2 and 5, kept between: {last[0]} to {last[-1]}, of which {', '.join(map(str, overlap))} overlap "
    f"and {', '.join(map(str, early))} are in the embargo"
)
print(f"test on folds 2 and 4, kept between: {middle or 'nothing'}, where 25 and 26 are free")
print(f"test on folds 1 and 5, kept between: {first[0]} to {first[-1]}")
sys.exit(0 if overlap == [20, 21, 22] and early == [23, 24] and middle == [] and first[0] == 15 else 1)
PY
timeout 120 "$folder/venv/bin/python" -P "$folder/try.py" || { echo "the behaviour has changed"; exit 1; }
