"""Tiny files of the vendors' formats, by the names that the vendors give."""


def rows(*lines: str, end: str = "\n") -> bytes:
    return "".join(line + end for line in lines).encode()


FILES: dict[str, bytes] = {
    "NQ 03-27.Last.txt": rows(
        "20270131 230100;24998.75;25000.25;24994.5;24998;181", "20270131 230300;24998;24998;24997.75;24997.75;2", end="\r\n"
    ),
    "MNQ 03-27.Last.txt": rows(
        "20270201 143000 6410001;24904.25;24904.25;24904.5;5", "20270201 143000 6410001;24904.5;24904.25;24904.5;2"
    ),
}
