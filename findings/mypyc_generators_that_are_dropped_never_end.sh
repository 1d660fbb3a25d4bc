#!/usr/bin/env bash
# A generator compiled by mypyc that is dropped before its end never leaves its `with` block, and never runs its `finally`.
#
# Versions: mypy 2.4.1 with mypyc, CPython 3.11, Linux x86-64.
#
# Behaviour: when the last reference to an unfinished generator goes, CPython closes it: GeneratorExit is raised at the yield, so `with`
# and `finally` end. That is how a reader of a file that takes only the first lines leaves the file closed. The compiled generator has
# close(), and close() does the same; but nothing calls it when the object goes. Neither block ends, not even after a full collection. Who
# calls close() himself (contextlib.closing) has the same behaviour in both forms.
#
# Output seen:
#   interpreted: with, dropped: ended   with, close(): ended   finally, dropped: ended   finally, close(): ended
#   compiled: with, dropped: never   with, close(): ended   finally, dropped: never   finally, close(): ended
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check 'mypy[mypyc]==2.4.1' setuptools
mkdir "$folder/interpreted" "$folder/compiled"
cat > "$folder/interpreted/rooms.py" <<'PY'
from collections.abc import Iterator


class Door:
    def __init__(self) -> None:
        self.state = "never"

    def __enter__(self) -> None:
        pass

    def __exit__(self, *why: object) -> None:
        self.state = "ended"


def with_block(door: Door) -> Iterator[int]:
    with door:
        yield 1
        yield 2


def finally_block(door: Door) -> Iterator[int]:
    try:
        yield 1
        yield 2
    finally:
        door.state = "ended"
PY
cat > "$folder/try.py" <<'PY'
import gc
import sys

sys.path.insert(0, sys.argv[1])
import rooms

for name, make in (("with", rooms.with_block), ("finally", rooms.finally_block)):
    dropped, closed = rooms.Door(), rooms.Door()
    generator = make(dropped)
    next(generator)
    del generator
    gc.collect()
    generator = make(closed)
    next(generator)
    generator.close()
    print(f"{name}, dropped: {dropped.state}   {name}, close(): {closed.state}", end="   " if name == "with" else "\n")
PY
cp "$folder/interpreted/rooms.py" "$folder/compiled"
(cd "$folder/compiled" && "$folder/venv/bin/mypyc" rooms.py > "$folder/log" 2>&1 && rm rooms.py)
seen=$(for form in interpreted compiled; do echo "$form: $("$folder/venv/bin/python" -P "$folder/try.py" "$folder/$form")"; done)
echo "$seen"
diff <(echo "$seen") - <<'SEEN'
interpreted: with, dropped: ended   with, close(): ended   finally, dropped: ended   finally, close(): ended
compiled: with, dropped: never   with, close(): ended   finally, dropped: never   finally, close(): ended
SEEN
