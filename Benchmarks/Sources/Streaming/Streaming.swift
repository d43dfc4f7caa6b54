import ArgumentParser

/// Measures the command `influence` on stores that may be larger than memory.
@main
struct Streaming: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "Streaming",
    abstract: "Times scoring of stores larger than memory, and watches its memory.",
    discussion: """
      swift run -c release --package-path Benchmarks Streaming make wide --directory DIR
      swift run -c release --package-path Benchmarks Streaming run --stores DIR \\
          --influence .build/release/influence --memory 1GiB
      """,
    subcommands: [Make.self, Run.self])
}
