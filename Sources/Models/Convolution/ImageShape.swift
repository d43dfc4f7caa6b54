/// How rows of features are images: the order is channel, row, column, as files of images have it.
public struct ImageShape: Sendable, Hashable, Codable {
  /// The planes of an image: 3 of a coloured one.
  public let channels: Int
  /// The rows of pixels.
  public let height: Int
  /// The columns of pixels.
  public let width: Int

  /// Collects the numbers, all positive.
  public init(channels: Int, height: Int, width: Int) {
    self.channels = channels
    self.height = height
    self.width = width
  }

  /// The numbers of an image.
  public var count: Int { channels * height * width }
  /// The places of an image.
  var places: Int { height * width }

  /// With so many channels, and squares of pixels made into one.
  func filtered(_ channels: Int, pooling: Int) -> ImageShape {
    ImageShape(channels: channels, height: height / pooling, width: width / pooling)
  }
}
