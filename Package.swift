// swift-tools-version: 6.2
import PackageDescription

let package = Package(
  name: "InfluenceKit",
  platforms: [.macOS(.v15)],
  products: [
    .library(name: "InfluenceKit", targets: ["InfluenceKit"]),
    .executable(name: "influence", targets: ["InfluenceCLI"]),
  ],
  dependencies: [
    .package(url: "https://github.com/apple/swift-algorithms", from: "1.2.1"),
    .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
    .package(url: "https://github.com/apple/swift-collections", from: "1.6.0"),
    .package(url: "https://github.com/apple/swift-numerics", from: "1.1.1"),
    .package(url: "https://github.com/hummingbird-project/swift-mustache", from: "2.1.1"),
    .package(url: "https://github.com/jpsim/Yams", from: "6.2.2"),
    .package(url: "https://github.com/ordo-one/TextTable", from: "0.0.2"),
    .package(url: "https://github.com/swiftcsv/SwiftCSV", from: "0.10.0"),
    // For scripts/docs alone: no target uses it, so that users of the package do not fetch it.
    .package(url: "https://github.com/swiftlang/swift-docc-plugin", from: "1.5.0"),
  ],
  targets: [
    // MARK: - The engine, lowest floor first

    .systemLibrary(
      name: "COpenBLAS",
      pkgConfig: "openblas",
      providers: [.apt(["libopenblas-dev", "liblapacke-dev"]), .brew(["openblas"])]
    ),
    .target(name: "CKernels"),
    .target(
      name: "LinearAlgebra",
      dependencies: [
        "COpenBLAS", "CKernels", .product(name: "RealModule", package: "swift-numerics"),
      ],
      swiftSettings: settings
    ),
    .target(name: "CMappedFiles"),
    .target(
      name: "TensorFiles",
      dependencies: [
        "LinearAlgebra", "CMappedFiles",
        .product(name: "OrderedCollections", package: "swift-collections"),
      ],
      swiftSettings: settings
    ),
    .target(
      name: "Gradients",
      dependencies: [
        "LinearAlgebra", "TensorFiles",
        .product(name: "Algorithms", package: "swift-algorithms"),
        .product(name: "OrderedCollections", package: "swift-collections"),
      ],
      swiftSettings: settings
    ),
    .target(
      name: "Influence",
      dependencies: [
        "LinearAlgebra", "TensorFiles", "Gradients",
        .product(name: "Algorithms", package: "swift-algorithms"),
        .product(name: "OrderedCollections", package: "swift-collections"),
      ],
      swiftSettings: settings),

    // MARK: - What stands on the engine

    .target(name: "CDigits", exclude: ["digits.txt"]),
    .target(name: "CGzip", linkerSettings: [.linkedLibrary("z")]),
    .target(
      name: "Data",
      dependencies: [
        "LinearAlgebra", "TensorFiles", "CDigits", "CGzip",
        .product(name: "HeapModule", package: "swift-collections"),
        .product(name: "RealModule", package: "swift-numerics"),
        .product(name: "SwiftCSV", package: "SwiftCSV"),
      ],
      swiftSettings: settings
    ),
    .target(
      name: "Models",
      dependencies: [
        "LinearAlgebra", "TensorFiles", "Gradients", "Data",
        .product(name: "Algorithms", package: "swift-algorithms"),
        .product(name: "RealModule", package: "swift-numerics"),
      ],
      swiftSettings: settings
    ),
    .target(
      name: "Transformers",
      dependencies: [
        "LinearAlgebra", "TensorFiles", "Gradients", "Influence", "Data", "Models",
        .product(name: "Algorithms", package: "swift-algorithms"),
        .product(name: "OrderedCollections", package: "swift-collections"),
        .product(name: "RealModule", package: "swift-numerics"),
      ],
      swiftSettings: settings
    ),
    .target(
      name: "Evaluation",
      dependencies: [
        "LinearAlgebra", "TensorFiles", "Gradients", "Influence", "Data", "Models",
        .product(name: "Algorithms", package: "swift-algorithms"),
        .product(name: "OrderedCollections", package: "swift-collections"),
        .product(name: "RealModule", package: "swift-numerics"),
      ],
      swiftSettings: settings),
    .target(
      name: "Reporting",
      dependencies: ["TensorFiles", .product(name: "TextTable", package: "TextTable")],
      swiftSettings: settings
    ),
    .target(
      name: "InfluenceKit",
      dependencies: [
        "LinearAlgebra", "TensorFiles", "Gradients", "Influence", "Data", "Models", "Transformers",
        "Evaluation",
      ],
      swiftSettings: settings
    ),
    .target(
      name: "Experiments",
      dependencies: [
        "InfluenceKit", "Reporting",
        .product(name: "Algorithms", package: "swift-algorithms"),
        .product(name: "OrderedCollections", package: "swift-collections"),
        .product(name: "RealModule", package: "swift-numerics"),
        .product(name: "Yams", package: "Yams"),
      ],
      swiftSettings: settings),
    .target(name: "CReportPage", exclude: ["page"]),
    .target(
      name: "Reports",
      dependencies: [
        "CReportPage", "InfluenceKit", "Reporting",
        .product(name: "Mustache", package: "swift-mustache"),
        .product(name: "OrderedCollections", package: "swift-collections"),
        .product(name: "RealModule", package: "swift-numerics"),
      ],
      swiftSettings: settings),
    .target(name: "CTerminal"),
    .executableTarget(
      name: "InfluenceCLI",
      dependencies: [
        "CTerminal",
        "InfluenceKit", "Experiments", "Reporting", "Reports",
        .product(name: "OrderedCollections", package: "swift-collections"),
        .product(name: "ArgumentParser", package: "swift-argument-parser"),
      ],
      swiftSettings: settings
    ),

    // MARK: - Tests, one target a library

    .target(
      name: "TestSupport",
      dependencies: ["LinearAlgebra", "TensorFiles", "Gradients"],
      path: "Tests/TestSupport",
      swiftSettings: settings
    ),
    .testTarget(
      name: "LinearAlgebraTests", dependencies: ["LinearAlgebra", "TestSupport"],
      swiftSettings: settings),
    .testTarget(
      name: "TensorFilesTests",
      dependencies: [
        "TensorFiles", "TestSupport",
        .product(name: "OrderedCollections", package: "swift-collections"),
      ], resources: [.copy("Fixtures")], swiftSettings: settings),
    .testTarget(
      name: "GradientsTests", dependencies: ["Gradients", "TestSupport"],
      swiftSettings: settings),
    .testTarget(
      name: "InfluenceTests", dependencies: ["InfluenceKit", "TestSupport"],
      resources: [.copy("Fixtures")], swiftSettings: settings),
    .testTarget(
      name: "DataTests", dependencies: ["Data", "Models", "TestSupport"],
      resources: [.copy("Fixtures")], swiftSettings: settings),
    .testTarget(
      name: "ModelsTests", dependencies: ["Data", "Models", "TestSupport"],
      resources: [.copy("Fixtures")], swiftSettings: settings),
    .testTarget(
      name: "TransformersTests",
      dependencies: [
        "Transformers", "Data", "Evaluation", "Gradients", "Models", "TestSupport",
        .product(name: "OrderedCollections", package: "swift-collections"),
        .product(name: "RealModule", package: "swift-numerics"),
      ], resources: [.copy("Fixtures")], swiftSettings: settings),
    .testTarget(
      name: "EvaluationTests", dependencies: ["Data", "Evaluation", "Models", "TestSupport"],
      resources: [.copy("Fixtures")], swiftSettings: settings),
    .testTarget(
      name: "ReportingTests", dependencies: ["Reporting"], swiftSettings: settings),
    .testTarget(
      name: "ReportsTests", dependencies: ["Reports", "InfluenceKit", "TestSupport"],
      swiftSettings: settings),
    .testTarget(
      name: "ExperimentsTests", dependencies: ["Experiments", "InfluenceKit", "TestSupport"],
      swiftSettings: settings),
    .testTarget(
      name: "InfluenceCLITests", dependencies: ["InfluenceCLI", "InfluenceKit", "TestSupport"],
      swiftSettings: settings),
  ],
  swiftLanguageModes: [.v6]
)

// For scripts/fuzz alone, which builds it with coverage and links it with libFuzzer.
if Context.environment["INFLUENCE_FUZZING"] != nil {
  package.targets.append(
    .executableTarget(
      name: "Fuzzing",
      dependencies: [
        "Experiments", "InfluenceKit", "Reporting",
        .product(name: "OrderedCollections", package: "swift-collections"),
      ], path: "Tests/Fuzzing", swiftSettings: settings))
}

/// Every target speaks the same dialect: safe memory, explicit existentials, and no warning left behind.
var settings: [SwiftSetting] {
  [
    .swiftLanguageMode(.v6),
    .strictMemorySafety(),
    .treatAllWarnings(as: .error),
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("MemberImportVisibility"),
  ]
}
