import Gradients
import LinearAlgebra
import TensorFiles
import TestSupport
import Testing

/// The files byte by byte, so that other tools can be written against them. In Python:
///
///     info = json.load(open("store/info.json"))
///     shape = (info["num_grads"], sum(info["grad_sizes"].values()))
///     g = numpy.memmap("store/gradients.bin", dtype=info["base_dtype"], mode="r", shape=shape)
///     first = 0
///     for name, width in info["grad_sizes"].items():
///         block = g[:, first:first + width]
///         first += width
///     norms = numpy.memmap("store/squared_norms.bin", dtype="<f8", mode="r",
///                          shape=(shape[0], len(info["grad_sizes"])))
@Suite("A store on disk")
struct StoreLayoutTests {
  let folder: TemporaryDirectory
  let layout = BlockLayout([("w", [1, 2]), ("b", [1])])

  init() throws { folder = try TemporaryDirectory() }

  private func write(_ type: ElementType) throws {
    let writer = try GradientStoreWriter(
      creating: folder.file("store"), layout: layout, elementType: type,
      provenance: ["seed": "7", "model": "tiny"])
    try writer.append(
      [
        Matrix<Float>(rows: 2, columns: 2, elements: [1, -2, 0.5, 0]),
        Matrix<Float>(rows: 2, columns: 1, elements: [3, -0.25]),
      ], ids: ["x", "y"], losses: [0.5, 1])
    try writer.finish()
  }

  @Test(
    "Numbers are little-endian, row after row, without a header",
    arguments: [
      (
        ElementType.float32,
        [
          0x00, 0x00, 0x80, 0x3F, 0x00, 0x00, 0x00, 0xC0, 0x00, 0x00, 0x40, 0x40,
          0x00, 0x00, 0x00, 0x3F, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x80, 0xBE,
        ] as [UInt8]
      ),
      (
        .float16,
        [0x00, 0x3C, 0x00, 0xC0, 0x00, 0x42, 0x00, 0x38, 0x00, 0x00, 0x00, 0xB4]
      ),
      (
        .bfloat16,
        [0x80, 0x3F, 0x00, 0xC0, 0x40, 0x40, 0x00, 0x3F, 0x00, 0x00, 0x80, 0xBE]
      ),
      (
        .float64,
        [
          0, 0, 0, 0, 0, 0, 0xF0, 0x3F, 0, 0, 0, 0, 0, 0, 0x00, 0xC0, 0, 0, 0, 0, 0, 0, 0x08, 0x40,
          0, 0, 0, 0, 0, 0, 0xE0, 0x3F, 0, 0, 0, 0, 0, 0, 0x00, 0x00, 0, 0, 0, 0, 0, 0, 0xD0, 0xBF,
        ]
      ),
    ])
  func gradients(type: ElementType, expected: [UInt8]) throws {
    try write(type)
    #expect(try folder.bytes("store/gradients.bin") == expected)
    // 5, 9 and 0.25, 0.0625 in double precision.
    #expect(
      try folder.bytes("store/squared_norms.bin") == [
        0, 0, 0, 0, 0, 0, 0x14, 0x40, 0, 0, 0, 0, 0, 0, 0x22, 0x40,
        0, 0, 0, 0, 0, 0, 0xD0, 0x3F, 0, 0, 0, 0, 0, 0, 0xB0, 0x3F,
      ])
  }

  @Test("info.json is what bergson reads")
  func info() throws {
    try write(.float32)
    #expect(
      try folder.text("store/info.json") == """
        {
          "attribute_tokens": false,
          "num_items": 2,
          "num_grads": 2,
          "grad_sizes": {
            "w": 2,
            "b": 1
          },
          "base_dtype": "float32"
        }

        """)
  }

  @Test("manifest.json and examples.jsonl")
  func manifest() throws {
    try write(.float32)
    let map = try MemoryMap(opening: folder.file("store/gradients.bin"))
    let checksum = try Checksum(of: map).description
    let norms = try Checksum(of: MemoryMap(opening: folder.file("store/squared_norms.bin")))
    let examples = try Checksum(of: MemoryMap(opening: folder.file("store/examples.jsonl")))
    let manifest = folder.file("store/manifest.json")
    let seal = try #require(try OrderedJSON(contentsOf: manifest)["checksum"]?.string)
    #expect(try SealedJSON(contentsOf: manifest).isSealed)
    #expect(
      try folder.text("store/manifest.json") == """
        {
          "format": "influencekit-gradients",
          "version": 1,
          "rows": 2,
          "complete": true,
          "dtype": "float32",
          "blocks": [
            {
              "name": "w",
              "shape": [
                1,
                2
              ]
            },
            {
              "name": "b",
              "shape": [
                1
              ]
            }
          ],
          "files": {
            "examples.jsonl": 60,
            "gradients.bin": 24,
            "squared_norms.bin": 32
          },
          "provenance": {
            "model": "tiny",
            "seed": "7"
          },
          "checksums": {
            "rows_per_range": 5592405,
            "gradients.bin": [
              {
                "first_row": 0,
                "rows": 2,
                "crc32c": "\(checksum)"
              }
            ],
            "squared_norms.bin": "\(norms)",
            "examples.jsonl": "\(examples)"
          },
          "gradients_crc32c": "\(checksum)",
          "checksum": "\(seal)"
        }

        """)
    #expect(
      try folder.text("store/examples.jsonl") == """
        {"row":0,"id":"x","loss":0.5}
        {"row":1,"id":"y","loss":1.0}

        """)
  }
}
