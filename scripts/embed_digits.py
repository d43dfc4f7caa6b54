"""Writes Sources/CDigits/digits.txt from Tests/DataTests/Fixtures/digits.csv.

    python3 scripts/embed_digits.py

The data is part of the binary, so that the program works from any folder: Sources/CDigits/digits.c embeds the text,
one image per line. A pixel is one digit in base 17 (0 ... 9, a ... g); after a space, the label comes last.
"""

import csv
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[1]
SOURCE = REPOSITORY / "Tests" / "DataTests" / "Fixtures" / "digits.csv"
OUTPUT = REPOSITORY / "Sources" / "CDigits" / "digits.txt"
SYMBOLS = "0123456789abcdefg"


def line(row):
    *pixels, label = (int(cell) for cell in row)
    assert len(pixels) == 64 and 0 <= label <= 9
    return "".join(SYMBOLS[pixel] for pixel in pixels) + f" {label}"


def main():
    with SOURCE.open(newline="") as file:
        rows = list(csv.reader(file))[1:]
    OUTPUT.write_text("".join(f"{line(row)}\n" for row in rows))
    print(f"wrote {OUTPUT.relative_to(REPOSITORY)} ({len(rows)} images)")


if __name__ == "__main__":
    main()
