import Foundation

/// Feeds one reader with inputs, as scripts/fuzz asks for it.
///
/// `FUZZ_READER` names the reader, and `FUZZ_FOLDER` a folder for its files. With `FUZZ_SEEDS`, another folder, the program
/// writes the seeds there and ends. Built with `LIBFUZZER`, it takes libFuzzer's arguments; otherwise it changes the
/// inputs of a folder at random by itself: FOLDER SECONDS SEED.
@main
enum Fuzzing {
  static func main() throws {
    let environment = ProcessInfo.processInfo.environment
    if let folder = environment["FUZZ_SEEDS"] {
      return try Session.only.writeSeeds(to: URL(filePath: folder))
    }
    #if LIBFUZZER
      var count = CommandLine.argc
      var arguments = unsafe CommandLine.unsafeArgv
      exit(unsafe runFuzzer(&count, &arguments, testOneInput))
    #else
      let arguments = Array(CommandLine.arguments.dropFirst())
      guard arguments.count == 3, let seconds = Double(arguments[1]),
        let seed = UInt64(arguments[2])
      else { fatalError("give a folder of inputs, seconds and a seed") }
      var driver = try ProcessDriver(seeds: URL(filePath: arguments[0]), seed: seed)
      try driver.run(Session.only, seconds: seconds)
    #endif
  }
}

#if LIBFUZZER
  /// libFuzzer's own `main`, for a program that has one; it ends the program.
  @_silgen_name("LLVMFuzzerRunDriver")
  func runFuzzer(
    _ count: UnsafeMutablePointer<CInt>,
    _ arguments: UnsafeMutablePointer<UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>>,
    _ test: @convention(c) (UnsafePointer<UInt8>?, Int) -> CInt
  ) -> CInt

  /// What libFuzzer calls with each input; a crash, a hang or too much memory in it is a finding.
  @_cdecl("LLVMFuzzerTestOneInput")
  func testOneInput(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    Session.only.read(unsafe Array(UnsafeBufferPointer(start: start, count: count)))
    return 0
  }
#endif
