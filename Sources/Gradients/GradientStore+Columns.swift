extension GradientStore {
  /// The columns of the written gradient row that a block is made of, one after the other.
  public func sourceColumns(ofBlock index: Int) -> [Range<Int>] { [layout.blocks[index].columns] }
}
