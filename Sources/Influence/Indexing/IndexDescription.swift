public import Gradients
import TensorFiles

/// What an index is of, as its manifest remembers it.
public struct IndexDescription: Sendable, Hashable {
  /// The method with its settings, as it is typed.
  public let method: String
  /// How λ was chosen.
  public let damping: Damping
  /// The precision of products of gradients.
  public let precision: CurvatureOptions.Precision
  /// How blocks were grouped.
  public let partition: BlockPartition
  /// λ of each block that M was made of; nil for those whose training gradients are zero.
  public let lambdas: [Double?]
  /// Whether scores are divided by the norm of the query's gradient.
  public let dividesByQueryNorm: Bool
  /// What rows are multiplied by, a power of two, so that the stored type holds them.
  public let scale: Double
  /// Where the training store was.
  public let trainingPath: String
  /// The checksum of its gradients.
  public let trainingChecksum: String
  /// The number of its rows.
  public let rowCount: Int
}

extension IndexDescription {
  static let methodKey = "index_method"
  static let scaleKey = "index_scale"
  private static let dampingKey = "index_damping"
  private static let precisionKey = "index_precision"
  private static let partitionKey = "index_blocks"
  private static let lambdasKey = "index_lambdas"
  private static let queryNormKey = "index_divides_by_query_norm"
  private static let pathKey = "indexed_from"
  private static let checksumKey = "indexed_crc32c"
  private static let rowsKey = "indexed_rows"
  private static let typeKey = "index_type"
  private static let columnsKey = "index_columns"

  /// What decides the rows of an index, for the manifest.
  func identity(_ layout: BlockLayout, _ elementType: ElementType) throws -> [String: String] {
    [
      Self.methodKey: method, Self.dampingKey: "\(damping)",
      Self.precisionKey: precision.rawValue,
      Self.partitionKey: try partition.json.serialized(),
      Self.queryNormKey: "\(dividesByQueryNorm)", Self.scaleKey: "\(scale)",
      Self.checksumKey: trainingChecksum, Self.rowsKey: "\(rowCount)",
      Self.typeKey: elementType.name, Self.columnsKey: "\(layout.columnCount)",
    ]
  }

  /// What is remembered beside.
  func notes() throws -> [String: String] {
    [
      Self.pathKey: trainingPath,
      Self.lambdasKey: try OrderedJSON.array(lambdas.map { .finite($0) }).serialized(),
    ]
  }

  /// Reads what the manifest of an index remembers.
  ///
  /// - Throws: ``IndexError/notAnIndex(path:)`` or ``IndexError/invalidField(path:field:reason:)``.
  init(of store: GradientStore) throws {
    let path = store.name
    let notes = store.commonProvenance
    guard notes[Self.methodKey] != nil else { throw IndexError.notAnIndex(path: path) }
    func value<Value>(_ key: String, _ read: (String) throws -> Value?) throws -> Value {
      guard let text = notes[key] else {
        throw IndexError.invalidField(path: path, field: key, reason: "is missing")
      }
      guard let value = try read(text) else {
        throw IndexError.invalidField(
          path: path, field: key, reason: "is \(text.quoted), which means nothing here")
      }
      return value
    }
    func json(_ text: String) throws -> OrderedJSON {
      try OrderedJSON(parsing: Array(text.utf8), path: path, offset: 0)
    }
    method = try value(Self.methodKey) { $0 }
    damping = try value(Self.dampingKey) { Damping($0) }
    precision = try value(Self.precisionKey) { CurvatureOptions.Precision(rawValue: $0) }
    partition = try value(Self.partitionKey) { try BlockPartition(json: json($0), path: path) }
    lambdas = try value(Self.lambdasKey) { try json($0).array.map { $0.map(\.number) } }
    dividesByQueryNorm = try value(Self.queryNormKey) { Bool($0) }
    scale = try value(Self.scaleKey) { Double($0).flatMap { $0 > 0 && $0.isFinite ? $0 : nil } }
    trainingPath = try value(Self.pathKey) { $0 }
    trainingChecksum = try value(Self.checksumKey) { $0 }
    rowCount = try value(Self.rowsKey) { Int($0) }
    // A copy in another type, some of the rows, or a projection would be another index than the one described.
    for (key, found) in [
      (Self.rowsKey, "\(store.count)"), (Self.columnsKey, "\(store.layout.columnCount)"),
      (Self.typeKey, store.commonElementType?.name ?? "several types"),
    ] where notes[key] != found {
      throw IndexError.invalidField(
        path: path, field: key,
        reason:
          "is \((notes[key] ?? "none").quoted) and its rows are of \(found.quoted): it was changed after it was written"
      )
    }
  }
}

extension GradientStore {
  /// Refuses an index where gradients are asked for.
  ///
  /// - Throws: ``IndexError/isAnIndex(path:)``.
  package func requireGradients() throws(IndexError) {
    guard commonProvenance[IndexDescription.methodKey] == nil else {
      throw .isAnIndex(path: name)
    }
  }
}
