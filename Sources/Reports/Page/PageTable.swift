internal import InfluenceKit

/// Tables as the template `table` takes them.
enum PageTable {
  /// - Parameters:
  ///   - heads: The names of the columns.
  ///   - texts: How many of the first columns are texts; the others are numbers, set to the right.
  ///   - rows: As many cells as heads each, or fewer.
  static func context(heads: [String], texts: Int = 1, rows: [[String]]) -> OrderedJSON {
    [
      "heads": .array(
        heads.enumerated().map { ["h": .string($1), "c": $0 < texts ? "" : "n"] }),
      "lines": .array(
        rows.map { row in
          [
            "first": .string(PageText.name(row.first ?? "")),
            "cells": .array(
              row.dropFirst().enumerated().map {
                ["v": .string(PageText.name($1)), "c": $0 + 1 < texts ? "" : "n"]
              }),
          ]
        }),
    ]
  }
}
