package import Foundation
package import OrderedCollections

/// Tensors in several `.safetensors` files, as the index beside them says: a JSON object whose `weight_map` has the
/// file name of each tensor.
package struct SafetensorsShards: Sendable {
  /// The key of the index that holds the file names.
  package static let placesKey = "weight_map"

  /// The file that holds each tensor, in the order of the index.
  package let files: OrderedDictionary<String, SafetensorsFile>

  /// Opens the files that an index names.
  ///
  /// - Parameters:
  ///   - index: Where the index stands.
  ///   - json: What it holds.
  /// - Throws: ``TensorFileError`` where a file is missing or malformed, does not hold a tensor that the index places
  ///   there, or holds one that the index places elsewhere or nowhere.
  package init(index: URL, holding json: OrderedJSON) throws(TensorFileError) {
    func invalid(_ field: String, expected: String, found: String) -> TensorFileError {
      .invalidField(path: index.path, field: field, expected: expected, found: found)
    }
    guard let places = json[Self.placesKey]?.object else {
      throw invalid(
        Self.placesKey, expected: "an object with a file name for each tensor",
        found: json[Self.placesKey]?.kind ?? "nothing")
    }
    var byName: [String: SafetensorsFile] = [:]
    var files: OrderedDictionary<String, SafetensorsFile> = [:]
    for (tensor, place) in places {
      let field = "\(Self.placesKey).\(tensor)"
      guard let name = place.string, !name.isEmpty, !name.contains("/") else {
        throw invalid(
          field, expected: "the name of a file beside the index",
          found: place.string?.quoted ?? place.kind)
      }
      let file: SafetensorsFile
      if let known = byName[name] {
        file = known
      } else {
        let url = index.deletingLastPathComponent().appending(path: name)
        file = try SafetensorsFile(opening: url)
        byName[name] = file
      }
      guard file.tensors[tensor] != nil else {
        throw invalid(
          field, expected: "the name of a file that holds the tensor",
          found: "\(name.quoted), which does not hold it")
      }
      files[tensor] = file
    }
    for (name, file) in byName.sorted(by: { $0.key < $1.key }) {
      for tensor in file.tensors.keys where places[tensor]?.string != name {
        let other = places[tensor]?.string
        throw invalid(
          Self.placesKey, expected: "the place of every tensor of every file",
          found: other.map { "\(tensor.quoted) both in \(name.quoted) and in \($0.quoted)" }
            ?? "an index that leaves out \(tensor.quoted) of \(name.quoted)")
      }
    }
    self.files = files
  }
}
