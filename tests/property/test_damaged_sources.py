"""Any damage to a vendor's file: an error for the user, bad rows, or other values; never a crash."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tapewire.bus.errors import DataError
from tapewire.replay.sources import formats
from tapewire.replay.sources.table import Options
from tests.vendors import FILES

# What a table, a clock and a decoder read in another way than a letter does.
SIGNS = [b"\n", b"\r", b"\0", b'"', b",", b";", b" ", b"-", b".", b"#", b"\xff", b"\xef\xbb\xbf", b"nan", b"1e999", b"9" * 25]


MAPPING = """
stamps = "close"
[stamp]
column = "time"
[columns]
open = "open"
high = "high"
low = "low"
close = "close"
"""
MAPPED = "CME_MINI_NQH2027, 1.csv"


@pytest.mark.parametrize("name, mapped", [*((name, False) for name in FILES), (MAPPED, True)])
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    st.lists(st.tuples(st.floats(0, 1), st.integers(0, 4), st.sampled_from(SIGNS) | st.binary(max_size=5)), min_size=1, max_size=3)
)
def test_damage_is_an_error_in_words_or_rows(tmp_path, name, mapped, damage):
    """Bytes spliced in anywhere give a DataError or a content whose parts have columns of one length."""
    content = FILES[name]
    for share, dropped, spliced in damage:
        at = int(share * len(content))
        content = content[:at] + spliced + content[at + dropped :]
    path = Path(tmp_path) / name
    path.write_bytes(content)
    options = Options()
    if mapped:
        options = Options(mapping=str(Path(tmp_path) / "mine.toml"))
        Path(options.mapping).write_text(MAPPING)

    try:
        found = formats.recognised(path, options)
        parts = found.reader.read(found.head, options, lambda _: None).parts if found else []
    except DataError:
        return

    for part in parts:
        columns = [getattr(part.rows, each) for each in part.rows.__slots__]
        assert {len(column) for column in columns if column is not None} == {len(part.rows)}
