// swift-tools-version: 6.2
import PackageDescription

// Benchmarks are a package of their own, so that users of the library never build them.
let package = Package(
  name: "InfluenceKitBenchmarks",
  platforms: [.macOS(.v15)],
  dependencies: [
    .package(name: "InfluenceKit", path: ".."),
    .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
  ],
  targets: [
    benchmark("Formats"),
    benchmark("Scoring"),
    benchmark("Streaming"),
    benchmark("Tokenizing"),
  ]
)

/// A command that runs one benchmark.
func benchmark(_ name: String) -> Target {
  .executableTarget(
    name: name,
    dependencies: [
      .product(name: "InfluenceKit", package: "InfluenceKit"),
      .product(name: "ArgumentParser", package: "swift-argument-parser"),
    ],
    swiftSettings: [
      .swiftLanguageMode(.v6), .strictMemorySafety(), .treatAllWarnings(as: .error),
      .enableUpcomingFeature("ExistentialAny"),
    ]
  )
}
