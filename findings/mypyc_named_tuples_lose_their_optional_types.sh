#!/usr/bin/env bash
# A NamedTuple in a module compiled by mypyc has `type` where it was annotated `int | None`; msgspec then decodes no value into it.
#
# Versions: mypy 2.4.1 with mypyc, msgspec 0.22.0, CPython 3.11, Linux x86-64.
#
# Behaviour: mypyc compiles the class and the program works, because a tuple does not look at the types of its fields. But its
# annotations are what a library reads that makes such a tuple out of bytes. A plain class stays as it is; a union is replaced by `type`
# itself, without a word at the build. msgspec takes that for the wanted type and refuses every value, also those that are right.
#
# Output seen:
#   interpreted: {'price': float, 'size': int | None}; [1.5, 3] is Quote(price=1.5, size=3)
#   compiled: {'price': float, 'size': type}; [1.5, 3] is refused: Expected `type`, got `int` - at `$[1]`
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check 'mypy[mypyc]==2.4.1' 'msgspec==0.22.0' setuptools
mkdir "$folder/interpreted" "$folder/compiled"
cat > "$folder/interpreted/quotes.py" <<'PY'
from typing import NamedTuple


class Quote(NamedTuple):
    price: float
    size: int | None
PY
cat > "$folder/try.py" <<'PY'
import sys

import msgspec

sys.path.insert(0, sys.argv[1])
from quotes import Quote

fields = ", ".join(f"{name!r}: {getattr(kind, '__name__', kind)}" for name, kind in Quote.__annotations__.items())
try:
    got = f"is {msgspec.json.decode(b'[1.5, 3]', type=Quote)}"
except msgspec.ValidationError as error:
    got = f"is refused: {error}"
print(f"{{{fields}}}; [1.5, 3] {got}")
PY
cp "$folder/interpreted/quotes.py" "$folder/compiled"
(cd "$folder/compiled" && "$folder/venv/bin/mypyc" quotes.py > "$folder/log" 2>&1 && rm quotes.py)
seen=$(for form in interpreted compiled; do echo "$form: $("$folder/venv/bin/python" -P "$folder/try.py" "$folder/$form")"; done)
echo "$seen"
diff <(echo "$seen") - <<'SEEN'
interpreted: {'price': float, 'size': int | None}; [1.5, 3] is Quote(price=1.5, size=3)
compiled: {'price': float, 'size': type}; [1.5, 3] is refused: Expected `type`, got `int` - at `$[1]`
SEEN
