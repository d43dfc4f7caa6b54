import Foundation
import OrderedCollections
import TensorFiles

extension StoreDirectory {
  /// The contents of `info.json`.
  struct Info {
    let rows: Int
    let layout: BlockLayout
    let elementType: ElementType
    /// How many examples the rows are tokens of; nil where rows are examples.
    var tokenExamples: Int?
    /// Whether the columns are those of factors.
    var isFactored = false

    var json: OrderedJSON {
      .object([
        "attribute_tokens": .boolean(false),
        "num_items": .integer(rows),
        "num_grads": .integer(rows),
        "grad_sizes": .object(
          OrderedDictionary(
            uniqueKeysWithValues: layout.blocks.map { ($0.name, .integer($0.width)) })),
        "base_dtype": .string(
          isFactored
            ? factoredPrefix + elementType.name
            : elementType == .int8 ? scaledTypeName : elementType.name),
      ])
    }
  }
}

extension StoreDirectory.Info {
  /// What goes with a manifest.
  init(of manifest: StoreManifest) {
    self.init(
      rows: manifest.rows, layout: manifest.fields, elementType: manifest.elementType,
      isFactored: manifest.factors != nil)
  }

  init(ofStoreAt directory: URL) throws {
    let url = directory.appending(path: StoreFile.info)
    let json = try OrderedJSON(contentsOf: url)
    func invalid(_ field: String, _ reason: String) -> GradientStoreError {
      .invalidField(
        path: url.path, field: field,
        reason: reason + "; correct it, or build the index again with its own tool")
    }
    guard let rows = (json["num_grads"] ?? json["num_items"])?.integer, rows >= 0 else {
      throw invalid("num_grads", "is not a count of rows")
    }
    guard let sizes = json["grad_sizes"]?.object else {
      throw invalid("grad_sizes", "is not an object of block names and columns")
    }
    let parameters = try sizes.map { name, size in
      guard let width = size.integer, width >= 0 else {
        throw invalid("grad_sizes.\(name)", "is not a number of columns")
      }
      return (name: name, shape: [width])
    }
    guard let name = json["base_dtype"]?.string ?? Self.scalar(of: json["dtype"]) else {
      throw invalid(
        "base_dtype", "is missing or no string (old versions of bergson wrote none)")
    }
    if json["base_dtype"] == nil, let size = json["dtype"]?["itemsize"]?.integer,
      let width = ElementType(numpy: name)?.byteCount
    {
      let columns = parameters.map(\.shape[0]).reduce(0) {
        $0.addingReportingOverflow($1).partialValue
      }
      guard size == columns.multipliedReportingOverflow(by: width).partialValue else {
        throw invalid(
          "dtype.itemsize", "is \(size), not the bytes of \(columns) columns of \(name)")
      }
    }
    let isFactored = name.hasPrefix(StoreDirectory.factoredPrefix)
    let scaled: ElementType? = name == StoreDirectory.scaledTypeName ? .int8 : nil
    let factored =
      isFactored
      ? ElementType(rawValue: String(name.dropFirst(StoreDirectory.factoredPrefix.count))) : nil
    guard let elementType = ElementType(numpy: name) ?? scaled ?? factored else {
      throw invalid("base_dtype", "is \(name.quoted), not float16, bfloat16, float32 or float64")
    }
    let areTokens = json["attribute_tokens"]?.boolean ?? false
    guard let examples = areTokens ? json["num_items"]?.integer : 0, examples >= 0 else {
      throw invalid("num_items", "is not a count of examples")
    }
    self.init(
      rows: rows, layout: try BlockLayout(validating: parameters, path: url.path),
      elementType: elementType, tokenExamples: areTokens ? examples : nil, isFactored: isFactored)
  }
}

extension StoreDirectory.Info {
  /// The type that the records of bergson's versions before 1.0 are made of: `<f4` of `(16,)<f4`.
  fileprivate static func scalar(of record: OrderedJSON?) -> String? {
    let formats = record?["formats"]?.array?.compactMap(\.string) ?? []
    let scalars = Set(
      formats.map { $0.split(separator: ")", maxSplits: 1).last.map(String.init) ?? $0 })
    return scalars.count == 1 ? scalars.first : nil
  }
}
