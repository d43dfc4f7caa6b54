import Foundation
import InfluenceKit
import OrderedCollections

/// Readers of folders: stores, what lies beside them, what is kept of them.
extension Reader {
  /// A store directory: the manifest and the files that it counts, or those of other tools alone.
  static let store = Reader(
    seeds: { folder in
      var seeds: [[UInt8]] = []
      for (index, type) in [ElementType.float32, .float64, .bfloat16, .int8].enumerated() {
        let url = folder.appending(path: "seed-\(index)")
        try write(store(ofRows: 4), to: url, as: type, isFinished: index != 2)
        seeds.append(try Bundle(of: url).input)
        seeds.append(
          try Bundle(of: url, leavingOut: ["manifest.json", "squared_norms.bin", "examples.jsonl"])
            .input)
      }
      for (index, type) in [ElementType.float16, .int8].enumerated() {
        let url = folder.appending(path: "factored-\(index)")
        try write(store(ofRows: 4), to: url, as: type, factorRank: 1, isFinished: true)
        seeds.append(try Bundle(of: url).input)
      }
      return seeds
    },
    read: { input, folder in
      let url = folder.appending(path: "store")
      let names = [
        "info.json", "manifest.json", "gradients.bin", "squared_norms.bin", "examples.jsonl",
        "scales.bin",
      ]
      try Bundle(input, names: Set(names)).write(to: url)
      try use(GradientStore(opening: url, allowingIncomplete: true, check: .nothing))
    })

  static let curvature = Reader(
    seeds: { folder in
      let block = store(ofRows: 1).layout.blocks[0]
      let factors = KroneckerFactors(
        activations: diagonal([1, 2, 3]), outputGradients: diagonal([1, 4]),
        activationBasis: diagonal([1, 1, 1]), outputBasis: diagonal([1, 1]),
        eigenvalues: Matrix(rows: 2, columns: 3, elements: [1, 2, 3, 4, 8, 12]))
      let stored = StoredCurvature(
        kronecker: [(block.name, factors)],
        hessian: diagonal([Double](repeating: 2, count: 8)))
      try stored.write(to: folder)
      return [try file(StoredCurvature.fileName, in: folder)]
    },
    read: { input, folder in
      let url = folder.appending(path: StoredCurvature.fileName)
      try Data(input).write(to: url)
      let training = try store(ofRows: 6).with(curvature: StoredCurvature(opening: url))
      for method in ["kfac", "ekfac", "exact-hessian", "exact-ggn"] {
        try? score(by: method, on: training)
      }
      try score(by: "kfac", on: training)
    })

  static let representations = Reader(
    seeds: { folder in
      let features = Matrix(rows: 4, columns: 2, elements: (0..<8).map { Double($0 * $0 % 7) })
      let head = Representations.Head(
        weights: Matrix(rows: 3, columns: 2, elements: [1, 0, 0, 1, -1, -1]),
        outputGradients: Matrix(rows: 4, columns: 3, elements: [Double](repeating: 0.1, count: 12)),
        regularization: 0.01)
      return try [nil, head].map { head in
        try Representations(features: features, labels: [0, 1, 2, 0], head: head).write(to: folder)
        return try file(Representations.fileName, in: folder)
      }
    },
    read: { input, folder in
      let url = folder.appending(path: Representations.fileName)
      try Data(input).write(to: url)
      let examples = try RepresentedExamples(Representations(opening: url))
      for name in RepresentationCatalog.names {
        guard let method = try RepresentationCatalog.method(name) else { continue }
        _ = try? method.scores(of: examples.representations, on: examples.representations)
      }
    })

  static let fit = Reader(
    prepare: { folder in
      try write(
        store(ofRows: 6), to: folder.appending(path: "train"), as: .float32, isFinished: true)
    },
    seeds: { folder in
      let training = try GradientStore(opening: folder.appending(path: "train"))
      return try ["exact,datainf", "block-normalized", "ekfac"].enumerated().compactMap {
        index, methods in
        let url = folder.appending(path: "seed-\(index)")
        let estimators = try methods.split(separator: ",").map {
          try EstimatorCatalog.estimator(String($0))
        }
        guard (try? FitWriter(of: estimators, on: training, to: url).run()) != nil else {
          return nil
        }
        return try Bundle(of: url).input
      }
    },
    read: { input, folder in
      let url = folder.appending(path: "fit")
      let names = String(decoding: input, as: UTF8.self).matches(of: #/%%([a-zA-Z0-9._-]+)\n/#)
        .map { String($0.1) }
      try Bundle(input, names: Set(names)).write(to: url)
      _ = try FitManifest.verification(ofFitAt: url)
      let training = try GradientStore(opening: folder.appending(path: "train"))
      let curvature = try Curvature(opening: url, on: training)
      _ = try curvature.scores(of: store(ofRows: 2))
      _ = try curvature.selfInfluence()
    })

  /// A table of the most extreme scores, and the record beside an array.
  static let scores = Reader(
    seeds: { _ in
      [
        "query,query_id,side,rank,example,id,score\r\n0,,helpful,1,3,a,0.5\r\n0,,harmful,1,2,'=b,-0.5\r\n1,q,helpful,1,0,\"c,d\",1e-3\r\n"
      ].map { Array($0.utf8) }
    },
    read: { input, folder in
      let url = folder.appending(path: "top.csv")
      try Data(input).write(to: url)
      guard try TopTable.isTable(at: url) else { return }
      let table = try TopTable(at: url, query: 0)
      if table.queryCount > 1 { _ = try TopTable(at: url, query: table.queryCount - 1) }
    })

  /// Looks at all that a store has.
  static func use(_ store: GradientStore) throws {
    guard store.count > 0 else { return }
    _ = try? store.exampleIDs()
    _ = try? store.checksum()
    _ = try? store.verification()
    for block in store.layout.blocks.indices {
      _ = try store.rows(0..<min(3, store.count), of: block, as: Float.self)
    }
    _ = try GradientHealth(of: store)
    for rule in [BlockPartition.layer, .all] { _ = try store.partitioned(by: rule).squaredNorms() }
    guard store.layout.columnCount < 64, store.count < 64 else { return }
    try score(by: "exact", on: store)
    try score(by: "datainf", on: store)
  }

  static func score(by method: String, on training: GradientStore) throws {
    let estimator = try EstimatorCatalog.estimator(method)
    let curvature = try Curvature(fitting: [estimator], on: training)
    _ = try curvature.scores(of: training)
  }

  static func write(
    _ store: GradientStore, to url: URL, as type: ElementType, factorRank: Int? = nil,
    isFinished: Bool
  ) throws {
    let writer = try GradientStoreWriter(
      creating: url, layout: store.layout, elementType: type, factorRank: factorRank)
    try writer.append(
      try store.layout.blocks.indices.map {
        try Matrix(store.rows(0..<store.count, of: $0, as: Float.self))
      },
      ids: (0..<store.count).map { "example \($0)" })
    try isFinished ? writer.finish() : writer.commit()
  }

  /// The bytes of a file, without its checksum.
  private static func file(_ name: String, in folder: URL) throws -> [UInt8] {
    let bytes = Array(try Data(contentsOf: folder.appending(path: name)))
    return Bundle.unprotected(bytes, named: name)
  }

  private static func diagonal(_ values: [Double]) -> Matrix<Double> {
    var matrix = Matrix<Double>.zeros(values.count, values.count)
    for (index, value) in values.enumerated() { matrix[index, index] = value }
    return matrix
  }
}
