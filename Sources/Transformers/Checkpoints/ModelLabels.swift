import OrderedCollections
import TensorFiles

extension ConfigurationKeys {
  /// The names of a classifier's labels, from `id2label` or `num_labels`.
  ///
  /// Without either there are two, `LABEL_0` and `LABEL_1`, as Hugging Face has it.
  func labels() throws -> [String] {
    let most = 1_000_000
    let announced = try has("num_labels") ? count("num_labels") : nil
    guard announced ?? 0 <= most else {
      throw invalid("num_labels", expected: "at most \(most)", found: "\(announced ?? 0)")
    }
    guard let json = value("id2label") else {
      return (0..<(announced ?? 2)).map { "LABEL_\($0)" }
    }
    guard let members = json.object, !members.isEmpty else {
      throw invalid("id2label", expected: "an object with a name for each label", found: json.kind)
    }
    guard announced ?? members.count == members.count else {
      throw invalid(
        "id2label", expected: "\(announced ?? 0) labels, as num_labels says",
        found: "\(members.count)")
    }
    return try members.keys.indices.map { id in
      guard let name = members["\(id)"] else {
        throw invalid(
          "id2label", expected: "a name for each id from 0 to \(members.count - 1)",
          found: "none for \(id)")
      }
      guard let text = name.string else {
        throw invalid("id2label", expected: "names as strings", found: name)
      }
      return text
    }
  }
}
