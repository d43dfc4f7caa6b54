import ArgumentParser
import Experiments
import Foundation
import InfluenceKit
import Reporting

extension InfluenceCommand {
  /// Ends the program with one line on standard error and an exit code of `sysexits.h`; help and the version
  /// go to standard output.
  static func end(with error: any Error) -> Never {
    Interruption.finish()
    let code = systemCode(for: error)
    guard code != 0 else {
      Console.print(own: fullMessage(for: error))
      Foundation.exit(0)
    }
    let line = text(for: error).split(separator: "\n").joined(separator: " ")
    Console.error("error: \(line)")
    Foundation.exit(code)
  }

  private static func systemCode(for error: any Error) -> Int32 {
    switch error {
    case Failure.usage: 64
    case Failure.data: 65
    case Failure.noInput: 66
    case Failure.noMemory: 71
    case Failure.cannotCreate: 73
    case let error as TensorFileError: systemCode(forFile: error)
    case GradientStoreError.alreadyExists: 73
    case GradientStoreError.notConvertible: 64
    case GradientStoreError.beingWritten: 75
    case is GradientStoreError: 65
    case let error as InfluenceError:
      switch error {
      case .unknownMethod, .invalidSetting, .invalidDamping, .invalidDampingGrid, .notSweepable,
        .needsDamping, .needsRepresentations, .noSelfInfluence:
        64
      default: 65
      }
    case let error as FitError:
      switch error {
      case .notKept, .withoutCertificates, .cannotBeKept: 64
      case .locked: 75
      case .notResumable, .occupied: 73
      default: 65
      }
    case let error as IndexError:
      switch error {
      case .dividesQueries, .unknownKey, .noRows: 64
      default: 65
      }
    case is EvaluationError, is ModelError, is DataError, is FactorizationError,
      is TransformerError, is AdapterError, is TextError, is TextEncodingError, is FineTuningError:
      65
    case let error as ExperimentError: systemCode(forExperiment: error)
    case DataFileError.notFound, TokenizerError.notFound: 66
    case is DataFileError, is TokenizerError, is PictureError: 65
    case is CocoaError: 74
    default:
      // The parser's own errors; anything unknown is a bug of ours.
      exitCode(for: error).rawValue == 1 ? 70 : exitCode(for: error).rawValue
    }
  }

  private static func systemCode(forExperiment error: ExperimentError) -> Int32 {
    switch error {
    case .missingPath: 66
    case .folderInUse, .otherRun, .notARun: 73
    case .locked: 75
    default: 65
    }
  }

  private static func systemCode(forFile error: TensorFileError) -> Int32 {
    switch error {
    case .notFound, .notRegularFile: 66
    case .permissionDenied(_, let operation): operation.contains("read") ? 66 : 73
    case .missingFolder, .readOnly, .mountPoint: 73
    case .noSpace, .operationFailed: 74
    default: 65
    }
  }

  /// The command that explains the options of the subcommand that was tried.
  private static var help: String {
    let first = CommandLine.arguments.dropFirst().first ?? ""
    let names = configuration.subcommands.map { $0.configuration.commandName }
    return names.contains(first) ? "influence \(first) --help" : "influence --help"
  }

  private static func text(for error: any Error) -> String {
    switch error {
    case Failure.usage(let text), Failure.data(let text), Failure.noInput(let text),
      Failure.noMemory(let text), Failure.cannotCreate(let text):
      return text
    case let error as any CustomStringConvertible
    where error is TensorFileError || error is GradientStoreError || error is InfluenceError
      || error is FitError || error is IndexError || error is EvaluationError || error is ModelError
      || error is DataError
      || error is FactorizationError || error is ExperimentError
      || error is DataFileError || error is PictureError
      || error is TransformerError || error is AdapterError || error is TokenizerError
      || error is TextError || error is TextEncodingError || error is FineTuningError:
      return Advice.withOptions(error.description)
    case let error as CocoaError:
      let path = error.filePath.map { "\($0): " } ?? ""
      return "\(path)\(error.localizedDescription)"
    default:
      let text = message(for: error)
      guard exitCode(for: error) == .validationFailure else {
        return
          "\(text.isEmpty ? "\(error)" : text) (internal; please report it with the command line)"
      }
      return "\(text) (see '\(help)')"
    }
  }
}
