import Foundation
import InfluenceKit
import Reports

/// Opens what a report is made of.
enum ReportSource {
  /// What is known of the examples of a store, or of a user's file in its place.
  ///
  /// - Throws: ``Failure`` where the file has not as many examples as the store.
  static func examples(of store: GradientStore, file: String?, _ given: ExampleTexts?) throws
    -> ReportExamples
  {
    var examples = try ReportExamples(of: store)
    guard let given else { return examples }
    guard given.texts.count == store.count else {
      throw Failure.data(
        "\(file ?? ""): it holds \(given.texts.count) examples, but there are \(store.count) rows in \(store.name); give the file that the gradients were computed from"
      )
    }
    func known<Value>(_ values: [Value?]) -> [Value?]? {
      values.contains { $0 != nil } ? values : nil
    }
    examples.texts = given.texts
    examples.labels = known(given.labels) ?? examples.labels
    examples.ids = known(given.ids) ?? examples.ids
    if let losses = known(given.losses) {
      examples.losses = losses
      // As the help says of this field.
      examples.lossesTellPredictions = true
    }
    examples.predictions = known(given.predictions)
    return examples
  }

  /// What stores are called together: the folder that holds both, or the training store's own name.
  static func title(_ train: String, _ query: String?) -> String {
    let training = URL(filePath: train).standardizedFileURL
    let folder = training.deletingLastPathComponent()
    if let query,
      URL(filePath: query).standardizedFileURL.deletingLastPathComponent().path == folder.path,
      folder.pathComponents.count > 1
    {
      return folder.lastPathComponent
    }
    return training.lastPathComponent
  }

  /// What a report of stores is made of, with all that is said of where it comes from.
  ///
  /// - Parameters:
  ///   - training: The training gradients.
  ///   - queries: The queries' gradients.
  ///   - examples: The file of the training examples.
  ///   - given: What it holds.
  ///   - options: How a curvature is fitted.
  /// - Throws: An error of reading a store, or ``Failure``.
  static func request(
    ofTraining training: GradientStore, _ queries: GradientStore?, examples: String?,
    _ given: ExampleTexts?, options: CurvatureOptions
  ) throws -> ReportRequest {
    var request = ReportRequest(
      title: title(training.name, queries?.name), training: training,
      examples: try self.examples(of: training, file: examples, given), queries: queries)
    if let queries { request.queryExamples = try self.examples(of: queries, file: nil, nil) }
    request.options = options
    request.command = ReportFacts.command
    request.facts = [try ReportFacts.store("train", training)]
    if let queries { request.facts.append(try ReportFacts.store("query", queries)) }
    if let examples { request.facts.append(("examples", examples)) }
    request.facts += ReportFacts.options(options) + ReportFacts.versions
    return request
  }

  /// What a report of a folder that `influence compare` wrote is made of.
  ///
  /// - Throws: ``Failure`` where the folder holds no comparison, or its stores have changed.
  static func request(ofRunIn folder: String, memory: Int?) throws -> ReportRequest {
    let url = URL(filePath: folder)
    guard FileManager.default.isFolder(atPath: url.path) else {
      throw Failure.noInput(
        "\(folder): no such folder; give one that `influence compare` left, or --train and --query")
    }
    let settings = try ComparisonFolder.Settings(recordedIn: url)
    let base = url.appending(path: "gradients")
    func store(_ given: String?, _ name: String) throws -> GradientStore {
      try GradientStore(
        opening: given.map { URL(filePath: $0) } ?? base.appending(path: name), check: .small
      ).partitioned(by: settings.partition)
    }
    let training = try store(settings.train, "train")
    let queries = try store(settings.query, "query")
    let record = try SealedJSON(contentsOf: url.appending(path: ComparisonFolder.recordName))
      .content
    var request = ReportRequest(
      title: url.standardizedFileURL.lastPathComponent, training: training,
      examples: try ReportExamples(of: training), queries: queries)
    request.queryExamples = try ReportExamples(of: queries)
    request.methods = Self.referenceFirst(settings.methods)
    request.options = CurvatureOptions(
      damping: settings.damping, costModel: CostModel(request: settings.side),
      precision: settings.precision, memoryBudget: memory)
    request.flipped = record["flipped"]?.array.map { Set($0.compactMap(\.integer)) }
    request.measured = (record["methods"]?.array ?? []).compactMap { method in
      method["method"]?.string.map { name in
        TrustPart.MethodCost(
          method: name, fitSeconds: method["fit_seconds"]?.number,
          scoreSeconds: method["score_seconds"]?.number,
          peakMemory: method["peak_memory_bytes"]?.integer)
      }
    }
    request.command = ReportFacts.command
    let command = (record["command"]?.array ?? []).compactMap(\.string)
    request.facts =
      [("run", "\(Console.shortened(url.path)), by influence \(command.joined(separator: " "))")]
      + [try ReportFacts.store("train", training), try ReportFacts.store("query", queries)]
      + ReportFacts.options(request.options) + ReportFacts.versions
    return request
  }

  /// The methods with the one that the others are compared with at the front.
  private static func referenceFirst(_ methods: [String]) -> [String] {
    [MethodComparison.reference] + methods.filter { $0 != MethodComparison.reference }
  }
}
