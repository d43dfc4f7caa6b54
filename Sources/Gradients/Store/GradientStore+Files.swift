import TensorFiles

extension GradientStore {
  /// The paths of the files that hold the gradients; none for gradients in memory.
  package var filePaths: [String] { shards.flatMap { $0.files.map(\.path) } }

  /// How many bytes a row of one block takes, as it is stored.
  public func bytesPerRow(ofBlock block: Int) -> Int {
    shards.first?.blocks[block].bytesPerRow(width: layout.blocks[block].width) ?? 0
  }

  /// Whether the writer recorded the norms of every row, so that they cost no pass.
  package var recordsNorms: Bool {
    !shards.isEmpty && shards.allSatisfy { $0.squaredNorms != nil }
  }
}
