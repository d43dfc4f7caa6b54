import Experiments
import Foundation
import InfluenceKit
import Reporting

/// A reader with the folder that its inputs are written into.
struct Session: Sendable {
  let name: String
  private let reader: Reader
  private let folder: URL

  /// The session of this program, made when it is needed first.
  static let only: Session = {
    do {
      return try Session(named: ProcessInfo.processInfo.environment["FUZZ_READER"] ?? "")
    } catch {
      fatalError("\(error)")
    }
  }()

  /// Finds the reader; the folder is `FUZZ_FOLDER`.
  init(named name: String) throws {
    guard let reader = Reader.all[name] else {
      throw UnknownReader(name: name, known: Reader.all.keys.sorted())
    }
    self.name = name
    self.reader = reader
    let path = ProcessInfo.processInfo.environment["FUZZ_FOLDER"] ?? "fuzz-\(name)"
    folder = URL(filePath: path, directoryHint: .isDirectory)
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    try reader.prepare(folder)
  }

  func writeSeeds(to destination: URL) throws {
    try FileManager.default.createDirectory(at: destination, withIntermediateDirectories: true)
    for (index, seed) in try reader.seeds(folder).enumerated() {
      try Data(seed).write(to: destination.appending(path: "seed-\(index)"))
    }
  }

  /// Reads an input: what is no result must be an error that the command can tell.
  func read(_ input: [UInt8]) {
    do {
      try reader.read(input, folder)
      if Self.shows { print("read") }
    } catch let error where Self.isTold(error) {
      let text = "\(error)".inert
      if Self.shows { print(text) }
    } catch {
      fatalError("an error that the command does not know: \(type(of: error)): \(error)")
    }
  }

  /// Whether it is printed what becomes of inputs.
  private static let shows = ProcessInfo.processInfo.environment["FUZZ_SHOW"] != nil

  private static func isTold(_ error: any Error) -> Bool {
    switch error {
    case is TensorFileError, is GradientStoreError, is InfluenceError, is FitError,
      is EvaluationError, is ModelError, is DataError, is DataFileError, is FactorizationError,
      is ExperimentError, is PictureError, is TransformerError,
      is AdapterError, is TokenizerError:
      true
    default: false
    }
  }
}

/// The script asked for a reader that there is not.
struct UnknownReader: Error {
  let name: String
  let known: [String]
}

/// A way to read what people bring.
struct Reader: Sendable {
  /// Puts what inputs are read beside into the folder, if anything.
  var prepare: @Sendable (URL) throws -> Void = { _ in }
  /// Valid inputs.
  let seeds: @Sendable (URL) throws -> [[UInt8]]
  /// Reads an input, and uses what was read.
  let read: @Sendable ([UInt8], URL) throws -> Void

  static let all: [String: Reader] = [
    "json": json, "npy": numpy, "safetensors": safetensors, "store": store,
    "curvature": curvature, "representations": representations, "fit": fit, "scores": scores,
    "cells": cells, "yaml": yaml, "csv": csv, "idx": idx, "cifar": cifar, "settings": settings,
    "gguf": gguf, "model": model, "texts": texts, "adapter": adapter, "tokenizer": tokenizer,
    "torch": torch, "foreign": foreign, "factored": factored, "factors": factors,
  ]
}
