internal import LinearAlgebra

extension Transformer {
  /// The first layer that passes compute of a whole batch.
  ///
  /// It is the first with something of the adapter beside it, or else the last. What enters it is the same whatever the
  /// adapter's numbers are.
  var firstAdaptedLayer: Int {
    let last = max(0, configuration.layerCount - 1)
    return (0..<last).first { index in
      architecture.layer(index).maps.contains { adapter.pair($0.name, site: 0) != nil }
    } ?? last
  }

  /// What enters the layers that a pass has to compute, and the first of them.
  ///
  /// Without dropout below, each text goes through the frozen layers by itself: how a product adds up depends on its
  /// shape, and so a text's numbers have the same bits in every batch, kept or not.
  ///
  /// - Returns: tokens × hidden, and the number of the layer that reads them.
  func entering(
    _ batch: TextBatch, _ pass: LayerPass<Element>
  ) throws -> (states: Matrix<Element>, layer: Int) {
    let first = firstAdaptedLayer
    guard first > 0, !(pass.dropout?.dropsFrozenLayers ?? false) else {
      return (
        try embeddings().forward(
          ids: batch.texts.flatMap(\.tokens), typeIDs: typeIDs(batch.texts), pass), 0
      )
    }
    let texts = Array(batch.texts)
    let known = texts.map { frozenStates?.state(of: $0, below: first) }
    let missing = texts.indices.filter { known[$0] == nil }
    let made = try frozen(missing.map { texts[$0] }, below: first, rotation: pass.rotation)
    var states = Matrix<Element>.zeros(pass.tokenCount, configuration.hiddenSize)
    for (text, state) in zip(missing, made) {
      frozenStates?.keep(state, of: texts[text], below: first)
      states.place(state.view, firstRow: pass.rows(text).lowerBound, firstColumn: 0)
    }
    for (text, state) in known.enumerated() {
      guard let state else { continue }
      states.place(state.view, firstRow: pass.rows(text).lowerBound, firstColumn: 0)
    }
    return (states, first)
  }

  /// What comes out below a layer, of each text by itself.
  private func frozen(
    _ texts: [TokenSequence], below end: Int, rotation: RotationTable<Element>?
  ) throws -> [Matrix<Element>] {
    guard !texts.isEmpty else { return [] }
    @Sendable func pass(_ text: TokenSequence) -> LayerPass<Element> {
      self.pass(
        TextBatch(texts: [text], firstToken: 0), rotation: rotation, gradients: nil)
    }
    let embeddings = try embeddings()
    var states = try texts.map {
      try embeddings.forward(ids: $0.tokens, typeIDs: typeIDs([$0]), pass($0))
    }
    for index in 0..<end {
      let layer = try layer(index)
      Parallelism.updateAsPieces(&states) { text, state in
        state = layer.forward(state, pass(texts[text]), kept: nil).0
      }
    }
    return states
  }

  /// The types of all tokens; none where the model does not tell types apart.
  func typeIDs(_ texts: ArraySlice<TokenSequence>) -> [Int] {
    guard architecture.embeddings.types != nil else { return [] }
    return texts.flatMap { text in
      text.types.isEmpty ? Array(repeating: 0, count: text.tokens.count) : text.types
    }
  }
}
