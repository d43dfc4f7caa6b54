extension GradientStore {
  /// The columns of the written gradient row that a block is made of, one after the other.
  public func sourceColumns(ofBlock index: Int) -> [Range<Int>] {
    guard let members else { return [layout.blocks[index].columns] }
    return members.ofBlocks[index].map { members.stored.blocks[$0].columns }
  }

  /// The same gradients with what their model knows of its curvature.
  ///
  /// A store that was opened from a folder has what lies beside it already.
  public func with(curvature: StoredCurvature?) -> GradientStore {
    GradientStore(
      name: name, kind: kind, layout: layout, shards: shards, manifests: manifests,
      curvature: curvature, members: members)
  }
}
