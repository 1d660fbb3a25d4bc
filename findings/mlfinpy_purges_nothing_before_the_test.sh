#!/usr/bin/env bash
# mlfinpy 0.1.2: PurgedKFold purges behind the test and not before it: training labels that are known only inside the test stay.
#
# Versions: mlfinpy 0.1.2, scikit-learn 1.5.2, pandas 2.3.3, numpy 1.26.4, CPython 3.11, Linux x86-64.
#
# Behaviour: the class is documented as removing from the training what overlaps the labels of the test. It takes for the beginning of the
# test the time at which the test's first label ends, not the one at which it begins. Labels of equal length that begin earlier end
# earlier, so none of them is removed, whatever the length: with labels over three bars the last three training labels are decided by bars
# of the test. `pct_embargo` widens the far side only. A purge that knows the right beginning (`ml_get_train_times` with it) drops them.
#
# Output seen:
#   30 bars, labels over 3 bars, test 10 to 19: kept before it 0 to 9, of which 7, 8, 9 overlap; kept after it 23 to 29
#   with the beginning of the first label: kept before it 0 to 6
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check 'mlfinpy==0.1.2' 'scikit-learn==1.5.2' 'pandas==2.3.3' 'numpy==1.26.4'
cat > "$folder/try.py" <<'PY'
import sys

import pandas
from mlfinpy.cross_validation import ml_get_train_times
from mlfinpy.cross_validation.cross_validation import PurgedKFold

BARS, LENGTH = 30, 3
times = pandas.date_range("2026-01-05 09:30", periods=BARS + LENGTH, freq="min")
begins, ends = times[:BARS], times[LENGTH:]
labels = pandas.Series(ends, index=begins)
features = pandas.DataFrame({"x": range(BARS)}, index=begins)

train, test = list(PurgedKFold(3, labels).split(features))[1]
before, after = [at for at in train if at < test[0]], [at for at in train if at > test[-1]]
overlap = [at for at in before if ends[at] >= begins[test[0]]]
print(
    f"{BARS} bars, labels over {LENGTH} bars, test {test[0]} to {test[-1]}: kept before it {before[0]} to {before[-1]}, "
    f"of which {', '.join(map(str, overlap))} overlap; kept after it {after[0]} to {after[-1]}"
)
right = ml_get_train_times(labels, pandas.Series([ends[test[-1]]], index=[begins[test[0]]]))
earlier = [begins.get_loc(at) for at in right.index if at < begins[test[0]]]
print(f"with the beginning of the first label: kept before it {earlier[0]} to {earlier[-1]}")
sys.exit(0 if overlap == [7, 8, 9] and after[0] == 23 and earlier[-1] == 6 else 1)
PY
timeout 300 "$folder/venv/bin/python" -P "$folder/try.py" || { echo "the behaviour has changed"; exit 1; }
