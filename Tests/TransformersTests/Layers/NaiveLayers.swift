import LinearAlgebra
import RealModule
import TestSupport
import Testing

import Transformers

/// The pieces of a ``ComputedModel`` by their definitions: loops over single numbers in double precision, one text at
/// a time.
struct NaiveLayers {
  typealias Rows = [[Double]]

  let model: ComputedModel
  let architecture: Architecture
  /// The adapter's parameters; tests change them.
  var parameters: [Matrix<Double>]
  /// The checkpoint's tensors.
  private let tensors: [String: Matrix<Double>]

  init(_ model: ComputedModel) throws {
    self.model = model
    let checkpoint = model.checkpoint
    architecture = checkpoint.family.architecture(checkpoint.configuration)
    parameters = model.adapter.parameters.map { Matrix<Double>(converting: $0) }
    tensors = Dictionary(
      uniqueKeysWithValues: try checkpoint.tensorNames.map {
        ($0, Matrix<Double>(converting: try checkpoint.matrix($0)))
      })
  }

  private var configuration: ModelConfiguration { model.checkpoint.configuration }

  /// A tensor of the adapter, or of the checkpoint.
  private func tensor(_ name: String) throws -> Matrix<Double> {
    let adapter = model.adapter
    guard let place = adapter.tensors.firstIndex(where: { $0.name == name }) else {
      return try #require(tensors[name], "\(name)")
    }
    return parameters[2 * adapter.modules.count + place]
  }

  /// W·x + b, and scale · B·(A·x) where there is a pair.
  func linear(_ map: Architecture.Map, _ x: Rows) throws -> Rows {
    let weight = try tensor("\(map.name).weight")
    let bias = map.hasBias ? try tensor("\(map.name).bias").elements : []
    let pair = model.adapter.modules.firstIndex { $0.name == map.name }
    let rows = map.isStoredTransposed ? Naive.transpose(weight).lists : weight.lists
    let (down, up) =
      pair.map { (parameters[2 * $0].lists, parameters[2 * $0 + 1].lists) } ?? ([], [])
    let scale = pair.map { model.adapter.modules[$0].scale } ?? 0
    return x.map { x in
      let low = down.map { Self.dot($0, x) }
      return rows.indices.map { output in
        Self.dot(rows[output], x) + (map.hasBias ? bias[output] : 0)
          + (pair == nil ? 0 : scale * Self.dot(up[output], low))
      }
    }
  }

  private static func dot(_ a: [Double], _ b: [Double]) -> Double {
    var sum = 0.0
    for index in a.indices { sum += a[index] * b[index] }
    return sum
  }

  func norm(_ norm: Architecture.Norm, _ x: Rows) throws -> Rows {
    let gain = try tensor("\(norm.name).weight").elements
    let shift = architecture.centersNorms ? try tensor("\(norm.name).bias").elements : []
    return x.map { x in
      let count = Double(x.count)
      let mean = architecture.centersNorms ? x.reduce(0, +) / count : 0
      let square = x.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / count
      let size = (square + configuration.normEpsilon).squareRoot()
      return x.indices.map { (x[$0] - mean) / size * gain[$0] + (shift.isEmpty ? 0 : shift[$0]) }
    }
  }

  /// Each pair (j, j + half) of each head, as a complex number, times e^{i · position · frequency}.
  private func rotated(_ x: Rows, heads: Int) -> Rows {
    guard let rotary = configuration.rotary else { return x }
    let half = configuration.headSize / 2
    let frequencies = rotary.frequencies(headSize: configuration.headSize)
    return x.enumerated().map { position, row in
      var turned = row
      for head in 0..<heads {
        for pair in 0..<half {
          let first = head * configuration.headSize + pair
          let angle = Double(position) * frequencies[pair]
          let (cosine, sine) = (Double.cos(angle), Double.sin(angle))
          turned[first] = row[first] * cosine - row[first + half] * sine
          turned[first + half] = row[first] * sine + row[first + half] * cosine
        }
      }
      return turned
    }
  }

  func attention(_ layer: Architecture.Layer, _ x: Rows) throws -> Rows {
    let (q, k, v): (Rows, Rows, Rows)
    switch layer.projections {
    case .separate(let query, let key, let value):
      (q, k, v) = (try linear(query, x), try linear(key, x), try linear(value, x))
    case .joined(let map):
      let all = try linear(map, x)
      let size = configuration.hiddenSize
      func part(_ index: Int) -> Rows { all.map { Array($0[index * size..<(index + 1) * size]) } }
      (q, k, v) = (part(0), part(1), part(2))
    }
    let core = NaiveAttention(
      headCount: configuration.headCount, keyValueHeadCount: configuration.keyValueHeadCount,
      headSize: configuration.headSize, isCausal: architecture.isCausal)
    let gathered = core.forward(
      rotated(q, heads: core.headCount), rotated(k, heads: core.keyValueHeadCount), v)
    return try linear(layer.attentionOutput, gathered)
  }

  private func activated(_ x: Double) -> Double {
    switch configuration.activation {
    case .gelu: x / 2 * (1 + Double.erf(x / 2.0.squareRoot()))
    case .geluTanh:
      x / 2 * (1 + Double.tanh((2 / Double.pi).squareRoot() * (x + 0.044715 * x * x * x)))
    case .silu: x / (1 + Double.exp(-x))
    case .relu: max(0, x)
    }
  }

  func feedForward(_ layer: Architecture.Layer, _ x: Rows) throws -> Rows {
    let up = try linear(layer.up, x)
    guard let gate = layer.gate else {
      return try linear(layer.down, up.map { $0.map(activated) })
    }
    let gated = zip(try linear(gate, x), up).map { zip($0, $1).map { activated($0) * $1 } }
    return try linear(layer.down, gated)
  }

  func layer(_ index: Int, _ x: Rows) throws -> Rows {
    let layer = architecture.layer(index)
    func sum(_ a: Rows, _ b: Rows) -> Rows { zip(a, b).map { zip($0, $1).map { $0 + $1 } } }
    if architecture.normalizesFirst {
      let h = sum(x, try attention(layer, norm(layer.attentionNorm, x)))
      return sum(h, try feedForward(layer, norm(layer.feedForwardNorm, h)))
    }
    let h = try norm(layer.attentionNorm, sum(x, attention(layer, x)))
    return try norm(layer.feedForwardNorm, sum(h, feedForward(layer, h)))
  }

  /// - Parameter padding: The token that takes no position; nil where there is none.
  func embeddings(_ text: TokenSequence, padding: Int?) throws -> Rows {
    let names = architecture.embeddings
    let tokens = try tensor(names.tokens.name)
    let positions = try names.positions.map { try tensor($0.name) }
    let types = try names.types.map { try tensor($0.name) }
    var position = names.firstPosition
    let sums = text.tokens.enumerated().map { place, id in
      var sum = Array(tokens[row: id])
      func add(_ row: ArraySlice<Double>) { sum = zip(sum, row).map { $0 + $1 } }
      if let positions { add(positions[row: id == padding ? id : position]) }
      if let types { add(types[row: text.types.isEmpty ? 0 : text.types[place]]) }
      position += id == padding ? 0 : 1
      return sum
    }
    return try names.norm.map { try norm($0, sums) } ?? sums
  }

  /// The logits of labels from the first token's numbers of some texts.
  func labels(_ first: Rows) throws -> Rows {
    guard case .labels(let dense, _, let output) = architecture.head else { return [] }
    return try linear(output, linear(dense, first).map { $0.map { Double.tanh($0) } })
  }

  /// The logits of the next token.
  func nextTokens(_ x: Rows) throws -> Rows {
    guard case .nextToken(let map) = architecture.head else { return [] }
    let weight = try tensor(map.map { "\($0.name).weight" } ?? architecture.embeddings.tokens.name)
    let rows = weight.lists
    return x.map { x in rows.map { Self.dot($0, x) } }
  }
}
