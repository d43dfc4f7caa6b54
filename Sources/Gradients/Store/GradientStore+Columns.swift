extension GradientStore {
  /// The columns of the written gradient row that a block is made of, one after the other.
  public func sourceColumns(ofBlock index: Int) -> [Range<Int>] {
    guard let members else { return [layout.blocks[index].columns] }
    return members.ofBlocks[index].map { members.stored.blocks[$0].columns }
  }
}
