"""Writes Sources/Data/Digits/Digits+Embedded.swift from Tests/DataTests/Fixtures/digits.csv.

    python3 scripts/embed_digits.py

The data is part of the binary, so that the program works from any folder. It is a string literal, one image per line,
because the array literal that SwiftPM's `embedInCode` generates takes over a minute to compile; a string of the same
data takes no time that can be measured. A pixel is one digit in base 17 (0 ... 9, a ... g), the label comes last.
"""

import csv
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[1]
SOURCE = REPOSITORY / "Tests" / "DataTests" / "Fixtures" / "digits.csv"
OUTPUT = REPOSITORY / "Sources" / "Data" / "Digits" / "Digits+Embedded.swift"
SYMBOLS = "0123456789abcdefg"

HEADER = '''\
// swift-format-ignore-file
// Written by scripts/embed_digits.py; do not edit.
//
// Optical Recognition of Handwritten Digits, E. Alpaydin and C. Kaynak, UCI Machine Learning
// Repository (1998), https://doi.org/10.24432/C50P49, licence CC BY 4.0; the 1,797 test images as
// scikit-learn 1.9.1 (BSD-3-Clause) distributes them. Unchanged but for the encoding.

extension Digits {
  /// One image per line: 64 pixels as digits in base 17, a space, the label.
  static let embedded: String = """
'''


def line(row):
    *pixels, label = (int(cell) for cell in row)
    assert len(pixels) == 64 and 0 <= label <= 9
    return "".join(SYMBOLS[pixel] for pixel in pixels) + f" {label}"


def main():
    with SOURCE.open(newline="") as file:
        rows = list(csv.reader(file))[1:]
    body = "".join(f"    {line(row)}\n" for row in rows)
    OUTPUT.write_text(HEADER + body + '    """\n}\n')
    print(f"wrote {OUTPUT.relative_to(REPOSITORY)} ({len(rows)} images)")


if __name__ == "__main__":
    main()
