/// What can be drawn: a chart, several of them, a heat map.
package protocol Picture: Sendable {
  /// The picture as a complete SVG document.
  ///
  /// - Throws: `PictureError` where a number has no place on the picture.
  func svg() throws(PictureError) -> String
}
