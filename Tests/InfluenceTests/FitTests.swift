import Foundation
import InfluenceKit
import TestSupport
import Testing

@Suite("Fits that are kept")
struct FitTests {
  private let folder: TemporaryDirectory
  private let problem = Problem(
    blocks: [
      .random("tall", shape: [2, 5], rows: 30, .geometric, seed: 1),
      .random("wide", shape: [45], rows: 30, .lowRank, seed: 2),
      .random("dead", shape: [4], rows: 30, .flat, scale: 0, seed: 3),
    ])

  init() throws { folder = try TemporaryDirectory() }

  /// The problem's gradients on disk, with whatever is done to them before.
  private func training(
    _ name: String = "train", _ precision: CurvatureOptions.Precision = .single,
    change: (inout [Matrix<Double>]) -> Void = { _ in }
  ) throws -> GradientStore {
    var blocks = problem.blocks.map(\.gradients)
    change(&blocks)
    let layout = BlockLayout(problem.blocks.map { ($0.name, $0.shape) })
    let writer = try GradientStoreWriter(
      creating: folder.file(name), layout: layout,
      elementType: precision == .single ? .float32 : .float64)
    try writer.append(blocks)
    try writer.finish()
    return try GradientStore(opening: folder.file(name))
  }

  private var fit: URL { folder.file("fit") }

  @Test(
    "Scores, certificates and self-influence are those of a fit in memory, bit for bit",
    arguments: Setup.all)
  func sameScores(setup: Setup) throws {
    let store = try training("train", setup.precision)
    let queries = problem.queries(setup.precision)
    let estimators =
      Method.allCases.map { $0.estimator(for: problem.separated[0]) }
      .filter { $0.name != "lissa" } + [LiSSA()]
    let options = setup.options()
    let fresh = try Curvature(fitting: estimators, on: store, options: options)
    try FitWriter(of: estimators, on: store, to: fit, options: options).run()
    let opened = try Curvature(opening: fit, on: store)
    #expect(opened.estimators.map(\.name) == estimators.map(\.name))
    for (one, other) in zip(
      try opened.scores(of: queries), try fresh.scores(of: queries))
    {
      #expect(one.values == other.values, "\(one.method)")
      #expect(
        one.certificate?.relativeResiduals == other.certificate?.relativeResiduals,
        "\(one.method)")
    }
    for (one, other) in zip(try opened.selfInfluence(), try fresh.selfInfluence()) {
      #expect(one.values == other.values, "\(one.method)")
    }
    #expect(try FitManifest.verification(ofFitAt: fit).damages.isEmpty)
  }

  @Test("A method by itself scores from a fit of several; one that is not kept is named")
  func methods() throws {
    let store = try training()
    let queries = problem.queries(.single)
    try FitWriter(of: [ExactFisher(), DataInf()], on: store, to: fit).run()
    let all = try Curvature(opening: fit, on: store).scores(of: queries)
    let alone = try Curvature(opening: fit, on: store, estimators: [DataInf()])
    #expect(try alone.scores(of: queries).first?.values == all[1].values)
    let error = #expect(throws: FitError.self) {
      _ = try Curvature(opening: fit, on: store, estimators: [ConjugateGradient()])
    }
    guard case .notKept(_, let method, let kept)? = error else {
      Issue.record("\(String(describing: error))")
      return
    }
    #expect(method.hasPrefix("cg") && kept == ["exact", "datainf"])
  }

  @Test("A file that is replaced or removed after a fit is opened is an error that names it")
  func replaced() throws {
    let store = try training()
    try FitWriter(of: [ExactFisher(), LiSSA()], on: store, to: fit).run()
    let names = try FileManager.default.contentsOfDirectory(atPath: fit.path)
      .filter { $0.hasSuffix(".npy") }
    #expect(names.count >= 5)
    for name in names {
      let file = fit.appending(path: name)
      let bytes = try Data(contentsOf: file)
      for isRemoved in [false, true] {
        let curvature = try Curvature(opening: fit, on: store)
        try FileManager.default.removeItem(at: file)
        if !isRemoved { try bytes.write(to: file) }
        for work in [
          { _ = try curvature.scores(of: problem.queries(.single)) },
          { _ = try curvature.selfInfluence() },
        ] {
          let error = #expect(throws: TensorFileError.self) { try work() }
          #expect(error?.path == file.path)
          guard case .changed? = error else {
            Issue.record("\(name): \(String(describing: error))")
            continue
          }
        }
        try bytes.write(to: file)
      }
    }
  }

  @Test("Another store, or one that has changed, is refused with what differs")
  func otherStores() throws {
    let store = try training()
    try FitWriter(of: [ExactFisher()], on: store, to: fit).run()
    let changed = try training("changed") { $0[1][7, 3] += 1 }
    let shorter = store[rows: 0..<29]
    for (other, field) in [(changed, "checksum"), (shorter, "number of rows")] {
      let error = #expect(throws: FitError.self) { _ = try Curvature(opening: fit, on: other) }
      guard case .otherStore(_, _, let found, _, _)? = error else {
        Issue.record("\(String(describing: error))")
        continue
      }
      #expect(found.hasPrefix(field))
    }
    let again = #expect(throws: FitError.self) {
      try FitWriter(of: [ExactFisher()], on: changed, to: fit).run()
    }
    guard case .notResumable? = again else {
      Issue.record("\(String(describing: again))")
      return
    }
  }

  @Test("Other methods, damping, precision or side do not go on with a fit")
  func otherArguments() throws {
    let store = try training()
    try FitWriter(of: [ExactFisher()], on: store, to: fit).run()
    var side = CurvatureOptions()
    side.costModel.request = .query
    let runs: [([any Estimator], CurvatureOptions, String)] = [
      ([DataInf()], CurvatureOptions(), "methods"),
      ([ExactFisher()], CurvatureOptions(damping: .relative(0.2)), "damping"),
      ([ExactFisher()], CurvatureOptions(precision: .double), "precision"),
      ([ExactFisher()], side, "side"),
      ([ExactFisher()], CurvatureOptions(certifies: false), "certificates"),
    ]
    for (estimators, options, word) in runs {
      let error = #expect(throws: FitError.self) {
        try FitWriter(of: estimators, on: store, to: fit, options: options).run()
      }
      guard case .notResumable(_, let field, _, _)? = error else {
        Issue.record("\(word): \(String(describing: error))")
        continue
      }
      #expect(field.contains(word))
    }
    // The same again has nothing to do.
    let outcome = try FitWriter(of: [ExactFisher()], on: store, to: fit).run()
    #expect(outcome.resumedBlocks == 3)
  }

  @Test("A fit that lacks blocks says so, and goes on to the same bytes")
  func resume() throws {
    let store = try training()
    try FitWriter(of: [ExactFisher(), DataInf()], on: store, to: fit).run()
    let names = try FileManager.default.contentsOfDirectory(atPath: fit.path).sorted()
    let whole = try names.map { try Data(contentsOf: fit.appending(path: $0)) }
    let lost = try #require(names.first { $0.hasPrefix("block-0001") })
    try FileManager.default.removeItem(at: fit.appending(path: lost))
    #expect(throws: FitError.self) { _ = try Curvature(opening: fit, on: store) }
    let outcome = try FitWriter(of: [ExactFisher(), DataInf()], on: store, to: fit).run()
    #expect(outcome.resumedBlocks == 2)
    #expect(try names.map { try Data(contentsOf: fit.appending(path: $0)) } == whole)
  }

  @Test("A flipped byte is found and its file named")
  func damage() throws {
    let store = try training()
    try FitWriter(of: [ExactFisher()], on: store, to: fit).run()
    let names = try FileManager.default.contentsOfDirectory(atPath: fit.path)
      .filter { $0.hasSuffix(".npy") }
    for name in names {
      let url = fit.appending(path: name)
      let before = try Data(contentsOf: url)
      var bytes = before
      bytes[bytes.count - 5] ^= 1
      try bytes.write(to: url)
      let found = try FitManifest.verification(ofFitAt: fit).damages
      #expect(found.map(\.path) == [url.path])
      try before.write(to: url)
    }
  }

  @Test("What is no fit, or of a later version, is refused")
  func notAFit() throws {
    let store = try training()
    #expect(throws: (any Error).self) {
      _ = try Curvature(opening: folder.file("train"), on: store)
    }
    #expect(throws: (any Error).self) {
      _ = try Curvature(opening: folder.file("missing"), on: store)
    }
    try FitWriter(of: [HessianFree()], on: store, to: fit).run()
    let file = fit.appending(path: "fit.json")
    let text = try String(contentsOf: file, encoding: .utf8)
    let later = text.replacing("\"version\": 1", with: "\"version\": 99")
      .replacing(/,\s*"checksum": "[0-9a-f]{8}"/, with: "")
    try #require(later != text)
    try later.write(to: file, atomically: true, encoding: .utf8)
    let error = #expect(throws: FitError.self) { _ = try Curvature(opening: fit, on: store) }
    #expect(error?.description.contains("99") == true)
  }

  /// Replaces text in `fit.json` as an earlier version would have written it, without a checksum.
  private func edit(_ old: String, _ new: String) throws {
    let file = fit.appending(path: "fit.json")
    let text = try String(contentsOf: file, encoding: .utf8)
    let changed = text.replacing(old, with: new, maxReplacements: 1)
      .replacing(/,\s*"checksum": "[0-9a-f]{8}"/, with: "")
    try #require(changed.count != text.count)
    try #require(text.contains(old))
    try changed.write(to: file, atomically: true, encoding: .utf8)
  }

  @Test(
    "Without a checksum of fit.json, what does not follow from the norms or is missing is refused",
    arguments: [
      ("\"holds\": \"kernel\"", "\"holds\": \"kernem\""),
      ("\"holds\": \"kernel-factor\"", "\"holds\": \"kernel,factor\""),
      ("\"lambda\": ", "\"lambda\": 7"), ("\"lambda\": null", "\"lambda\": 1.5"),
      ("\"damping\": \"0.1\"", "\"damping\": \"0.2\""),
      ("\"side\": \"score\"", "\"side\": \"query\""),
    ])
  func unprotected(old: String, new: String) throws {
    let store = try training()
    var options = CurvatureOptions()
    options.costModel.request = .score
    try FitWriter(of: [ExactFisher()], on: store, to: fit, options: options).run()
    let whole = try Curvature(opening: fit, on: store).scores(of: problem.queries(.single))[0]
      .values
    try edit(old, new)
    do {
      // A list that lacks what the kernel gives anyway, or an unused wish for a side, changes nothing.
      let opened = try Curvature(opening: fit, on: store)
      #expect(try opened.scores(of: problem.queries(.single))[0].values == whole)
    } catch {
      #expect("\(error)".contains("fit.json"), "\(error)")
    }
    try #require(try !FitManifest(ofFitAt: fit).isSealed)
  }

  @Test("λ of null for a live block, and of another number, is refused without a checksum")
  func dampings() throws {
    let store = try training()
    try FitWriter(of: [ExactFisher()], on: store, to: fit).run()
    let text = try String(contentsOf: fit.appending(path: "fit.json"), encoding: .utf8)
    let line = try #require(text.firstMatch(of: /"lambda": ([0-9.e-]+)/))
    for value in ["null", "\(Double(line.1).map { $0 * 7.7 } ?? 1)"] {
      try text.write(to: fit.appending(path: "fit.json"), atomically: true, encoding: .utf8)
      try edit(String(line.0), "\"lambda\": \(value)")
      let error = #expect(throws: FitError.self) { try Curvature(opening: fit, on: store) }
      #expect(error?.description.contains("tall has the damping") == true)
    }
  }

  @Test("A flipped bit of fit.json is found, or changes no score", arguments: 0..<60)
  func flippedManifest(seed: Int) throws {
    let store = try training()
    try FitWriter(of: [ExactFisher(), DataInf()], on: store, to: fit).run()
    let queries = problem.queries(.single)
    let whole = try Curvature(opening: fit, on: store).scores(of: queries).map(\.values)
    var generator = SeededGenerator(seed: UInt64(seed))
    let file = fit.appending(path: "fit.json")
    var bytes = [UInt8](try Data(contentsOf: file))
    bytes[generator.index(below: bytes.count)] ^= 1 << UInt8(generator.index(below: 8))
    try Data(bytes).write(to: file)
    guard let opened = try? Curvature(opening: fit, on: store) else { return }
    #expect(try opened.scores(of: queries).map(\.values) == whole)
  }
}
