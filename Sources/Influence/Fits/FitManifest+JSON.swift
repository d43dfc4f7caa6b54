package import Foundation
import OrderedCollections
package import TensorFiles

extension FitManifest {
  /// The manifest as JSON.
  package var json: OrderedJSON {
    [
      "format": "influencekit-fit",
      "version": .integer(Self.version),
      "complete": .boolean(isComplete),
      "train": [
        "path": .string(trainingPath), "rows": .integer(exampleCount),
        "crc32c": trainingChecksum.map { .string($0) } ?? .null,
      ],
      "damping": .string(damping.description),
      "precision": .string(precision.rawValue),
      "side": .string(side.rawValue),
      "certificates": .boolean(certifies),
      "methods": .array(
        methods.map { method in
          [
            "name": .string(method.name),
            "settings": .object(
              OrderedDictionary(
                uniqueKeysWithValues: method.settings.sorted { $0.key < $1.key }
                  .map { ($0.key, .string($0.value)) })),
          ]
        }),
      "norms": norms?.json ?? .null,
      "blocks": .array(blocks.map { $0.json(methods: methods) }),
    ]
  }

  /// Reads the manifest of a fit's folder.
  ///
  /// - Throws: ``FitError/notAFit(path:found:)``, ``FitError/invalidField(path:field:reason:)``, or an
  ///   error of the file.
  package init(ofFitAt folder: URL) throws {
    let url = folder.appending(path: Self.fileName)
    guard FileManager.default.fileExists(atPath: folder.path) else {
      throw TensorFileError.notFound(path: folder.path)
    }
    guard FileManager.default.fileExists(atPath: url.path) else {
      throw FitError.notAFit(path: folder.path, found: "there is no \(Self.fileName)")
    }
    let sealed = try SealedJSON(contentsOf: url)
    let reader = FitFields(json: sealed.content, path: url.path)
    guard reader.json["format"]?.string == "influencekit-fit" else {
      throw FitError.notAFit(path: url.path, found: "the format is not influencekit-fit")
    }
    let version = try reader.integer("version")
    guard version <= Self.version else {
      throw FitError.invalidField(
        path: url.path, field: "version",
        reason:
          "is \(version), newer than the \(Self.version) that is known here; use the newer InfluenceKit that wrote it, or fit again"
      )
    }
    let train = try reader.member("train")
    let methods = try reader.members("methods").map { method in
      Method(name: try method.string("name"), settings: try method.strings("settings"))
    }
    guard let damping = Damping(try reader.string("damping")) else {
      throw reader.invalid("damping", "is not a damping")
    }
    let precision = try reader.choice("precision", CurvatureOptions.Precision.init)
    let side = try reader.choice("side", CostModel.Request.init)
    self.init(
      trainingPath: try train.string("path"), exampleCount: try train.integer("rows"),
      trainingChecksum: train.json["crc32c"]?.string, damping: damping, precision: precision,
      side: side, certifies: try reader.boolean("certificates"), methods: methods,
      norms: reader.json["norms"]?.object == nil ? nil : try File(reader.member("norms")),
      blocks: try reader.members("blocks").map { try Block($0, methods: methods) })
    isSealed = sealed.isSealed
  }
}

extension FitManifest.File {
  fileprivate var json: OrderedJSON {
    [
      "file": .string(name), "holds": .string(holds), "bytes": .integer(byteCount),
      "crc32c": .string(checksum.description),
    ]
  }

  fileprivate init(_ reader: FitFields) throws(FitError) {
    let name = try reader.string("file")
    guard !name.contains("/"), !name.hasPrefix(".") else {
      throw reader.invalid("file", "is not the name of a file in the folder")
    }
    guard let checksum = Checksum(try reader.string("crc32c")) else {
      throw reader.invalid("crc32c", "is not eight hexadecimal digits")
    }
    self.init(
      name: name, holds: try reader.string("holds"), byteCount: try reader.integer("bytes"),
      checksum: checksum)
  }
}

extension FitManifest.Block {
  fileprivate func json(methods: [FitManifest.Method]) -> OrderedJSON {
    var members: OrderedDictionary<String, OrderedJSON> = [
      "name": .string(name),
      "shape": .array(shape.map { .integer($0) }),
      "lambda": damping.map { .number($0) } ?? .null,
      "fitted": .boolean(isFitted),
      "sides": .array(
        zip(methods, choices).map { method, choice in
          [
            "method": .string(method.name), "side": .string(choice.side.rawValue),
            "by_passes": .boolean(choice.isByPasses), "reason": .string(choice.reason),
          ]
        }),
      "files": .array(files.map(\.json)),
    ]
    if self.members != [name] {
      members["members"] = .array(self.members.map { .string($0) })
    }
    for (side, key) in Self.estimates {
      if let value = largestEigenvalues[side] { members[key] = .number(value) }
    }
    return .object(members)
  }

  private static let estimates: [(Side, String)] = [
    (.score, "kernel_largest_eigenvalue"), (.query, "fisher_largest_eigenvalue"),
  ]

  fileprivate init(_ reader: FitFields, methods: [FitManifest.Method]) throws(FitError) {
    let damping = reader.json["lambda"]?.number
    guard damping != nil || reader.json["lambda"] == .null, damping.map({ $0 >= 0 }) ?? true else {
      throw reader.invalid("lambda", "is neither a number from 0 on nor null")
    }
    var choices: [CostModel.Choice] = []
    for entry in try reader.members("sides") {
      choices.append(
        CostModel.Choice(
          side: try entry.choice("side", Side.init), reason: try entry.string("reason"),
          isByPasses: try entry.boolean("by_passes")))
    }
    guard choices.count == methods.count else {
      throw reader.invalid("sides", "has \(choices.count) entries for \(methods.count) methods")
    }
    var files: [FitManifest.File] = []
    for entry in try reader.members("files") { files.append(try FitManifest.File(entry)) }
    let name = try reader.string("name")
    let members = reader.json["members"].map { $0.array?.compactMap(\.string) ?? [] } ?? [name]
    guard !members.isEmpty else { throw reader.invalid("members", "is not an array of names") }
    self.init(
      name: name, shape: try reader.integers("shape"), members: members, damping: damping,
      choices: choices, isFitted: try reader.boolean("fitted"), files: files)
    for (side, key) in Self.estimates {
      if let value = reader.json[key]?.number { largestEigenvalues[side] = value }
    }
  }
}

/// Fields of an object in `fit.json`, which are not to be trusted.
private struct FitFields {
  let json: OrderedJSON
  let path: String
  var prefix = ""

  func invalid(_ field: String, _ reason: String) -> FitError {
    .invalidField(
      path: path, field: prefix + field, reason: reason + "; restore it from a copy, or fit again")
  }

  private func value<Value>(
    _ field: String, _ kind: String, _ convert: (OrderedJSON) -> Value?
  ) throws(FitError) -> Value {
    guard let value = json[field].flatMap(convert) else { throw invalid(field, "is not \(kind)") }
    return value
  }

  func string(_ field: String) throws(FitError) -> String {
    try value(field, "a string") { $0.string }
  }

  func integer(_ field: String) throws(FitError) -> Int {
    try value(field, "a count") { $0.integer.flatMap { $0 < 0 ? nil : $0 } }
  }

  func boolean(_ field: String) throws(FitError) -> Bool {
    try value(field, "true or false") { $0.boolean }
  }

  func choice<Value>(_ field: String, _ make: (String) -> Value?) throws(FitError) -> Value {
    try value(field, "a word that is known here") { $0.string.flatMap(make) }
  }

  func integers(_ field: String) throws(FitError) -> [Int] {
    try value(field, "an array of counts") { json in
      guard let array = json.array else { return nil }
      let integers = array.compactMap(\.integer)
      return integers.count == array.count ? integers : nil
    }
  }

  func strings(_ field: String) throws(FitError) -> [String: String] {
    try value(field, "an object of strings") { json in
      guard let object = json.object else { return nil }
      var strings: [String: String] = [:]
      for (key, value) in object {
        guard let text = value.string else { return nil }
        strings[key] = text
      }
      return strings
    }
  }

  func member(_ field: String) throws(FitError) -> FitFields {
    let object = try value(field, "an object") { $0.object == nil ? nil : $0 }
    return FitFields(json: object, path: path, prefix: "\(prefix)\(field).")
  }

  func members(_ field: String) throws(FitError) -> [FitFields] {
    try value(field, "an array") { $0.array }.enumerated().map { index, json in
      FitFields(json: json, path: path, prefix: "\(prefix)\(field)[\(index)].")
    }
  }
}
