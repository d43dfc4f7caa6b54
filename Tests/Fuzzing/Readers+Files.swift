import Data
import Foundation
import InfluenceKit
import OrderedCollections

/// Readers of single files.
extension Reader {
  static let json = Reader(
    seeds: { _ in
      [
        #"{"a": [1, -2.5e3, true, false, null], "b": {"c": "d\u00e9\n\ud83d\ude00"}, "": ""}"#,
        "[[[[]]]]", "\"text\"", "-0.0", "{\"n\": 123456789012345678901234567890}",
      ].map { Array($0.utf8) }
    },
    read: { input, _ in
      let value = try OrderedJSON(parsing: input)
      // What is written reads back as it was.
      for layout in [OrderedJSON.Layout.compact, .indented] {
        let text = try value.serialized(layout)
        guard try OrderedJSON(parsing: Array(text.utf8)) == value else {
          fatalError("not the same: \(text)")
        }
        guard text.inert == text || layout == .indented else { fatalError("not inert: \(text)") }
      }
    })

  static let numpy = Reader(
    seeds: { folder in
      func header(_ version: [UInt8], _ text: String, _ bytes: Int) -> [UInt8] {
        let size = version[0] == 1 ? 10 : 12
        let padded = text + String(repeating: " ", count: 63 - (size + text.utf8.count) % 64) + "\n"
        let count = padded.utf8.count
        let length = (0..<(version[0] == 1 ? 2 : 4)).map {
          UInt8(truncatingIfNeeded: count >> (8 * $0))
        }
        return [0x93] + Array("NUMPY".utf8) + version + length + Array(padded.utf8)
          + (0..<bytes).map { UInt8(truncatingIfNeeded: 7 * $0) }
      }
      let types = ["<f4", "<f8", "<f2", "|i1", "<i8", ">f4", "|b1", "<u2", ">i4"]
      return types.enumerated().map { index, type in
        let width = Int(String(type.last ?? "1")) ?? 1
        return header(
          [UInt8(1 + index % 3), 0],
          "{'descr': '\(type)', 'fortran_order': \(index % 2 == 0 ? "False" : "True"), 'shape': (2, 3), }",
          6 * width)
      } + [
        header([1, 0], "{'descr': '<f4', 'fortran_order': False, 'shape': (3,), }", 12),
        header([1, 0], "{'descr': '<f4', 'fortran_order': True, 'shape': (1, 2, 2), }", 16),
        header([1, 0], "{'descr': '<f8', 'fortran_order': False, 'shape': (), }", 8),
      ]
    },
    read: { input, folder in
      let url = folder.appending(path: "array.npy")
      try Data(input).write(to: url)
      let file = try NumpyFile(opening: url)
      if let integers = try? file.integers(), integers.count != file.shape.reduce(1, *) {
        fatalError("\(integers.count) integers of shape \(file.shape)")
      }
      _ = try? file.view(as: Float.self)
      _ = try? file.mapped()
      let matrix = try file.matrix(as: Double.self)
      guard matrix.elements.count == file.shape.reduce(1, *) else {
        fatalError("\(matrix.elements.count) numbers of shape \(file.shape)")
      }
      try use(GradientStore(opening: url))
    })

  static let safetensors = Reader(
    seeds: { folder in
      try [[ElementType.float32, .float64, .float16], [.bfloat16, .float32], [.float32]].map {
        types in
        let url = folder.appending(path: "seed.safetensors")
        var writer = try SafetensorsWriter(
          at: url,
          tensors: types.enumerated().map {
            .init(name: "layers.\($0).weight", elementType: $1, shape: [2, 3, $0 + 1])
          },
          metadata: ["format": "pt"])
        for index in types.indices {
          let values = (0..<6 * (index + 1)).map { Float($0) }
          try writer.append(values.span)
        }
        try writer.commit()
        return Array(try Data(contentsOf: url))
      }
    },
    read: { input, folder in
      let url = folder.appending(path: "tensors.safetensors")
      try Data(input).write(to: url)
      let file = try SafetensorsFile(opening: url)
      for name in file.tensors.keys {
        _ = try? file.matrix(name, as: Float.self)
        _ = try? file.view(name, as: Double.self)
      }
      try use(GradientStore(opening: url))
    })

  /// Tables of numbers, tables of anything with what they mean, and the labels of CIFAR-10N.
  static let csv = Reader(
    seeds: { _ in
      [
        "x,label\n1,0\n2,1\n", "x;label\r\n1,5;0\r\n", "a,b,label\n\"1\",\"x \"\"y\"\"\",1\n,,0\n",
        "\u{FEFF}x\tlabel\n1\t1",
        "index,clean_label,aggre_label,worse_label,random_label1,random_label2,random_label3\n0,1,2,3,4,5,6\n",
        "age,sex,label\n30, Male ,>50K\n?, Female ,<=50K\n",
      ].map { Array($0.utf8) }
    },
    read: { input, folder in
      let text = String(decoding: input, as: UTF8.self)
      _ = try? NumericTable(csv: text, target: "label")
      _ = try? TabularDataSet<Double>(csv: text, labelColumn: "label")
      let url = folder.appending(path: "table.csv")
      try Data(input).write(to: url)
      var reader = CSVReader(try MemoryMap(opening: url))
      while let fields = try reader.next() {
        // Read as fields, a line is the same after it was written again.
        try Data(CSVLine.text(fields).utf8).write(to: folder.appending(path: "line.csv"))
        var again = CSVReader(try MemoryMap(opening: folder.appending(path: "line.csv")))
        guard try again.next()?.map(CSVLine.unguarded) == fields else {
          fatalError("not the same: \(fields)")
        }
      }
      let table = try TableFile(reading: url)
      _ = try? CIFAR10NLabels(table)
      let roles = TableRoles(
        label: "label", positive: ">50K", negative: "<=50K", sensitive: "sex",
        group: .oneOf(["Male"]),
        numeric: table.columns.filter { $0 == "age" },
        categorical: table.columns.filter { !["label", "age"].contains($0) })
      _ = try TableEncoding(fitting: table, roles: roles).encode(table)
    })

  static let idx = Reader(
    seeds: { _ in
      [
        [0, 0, 8, 1, 0, 0, 0, 3, 7, 8, 9],
        [0, 0, 8, 3, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 2, 1, 2, 3, 4],
        [0, 0, 8, 2, 0, 0, 0, 0, 255, 255, 255, 255],
      ]
    },
    read: { input, folder in
      let images = folder.appending(path: "images")
      let labels = folder.appending(path: "labels")
      let bundle = Bundle(input, names: ["images", "labels"])
      try Data(bundle.files.first { $0.name == "images" }?.bytes ?? input).write(to: images)
      try Data(bundle.files.first { $0.name == "labels" }?.bytes ?? input).write(to: labels)
      _ = try LabelledImages(idxImages: images, labels: labels)
    })

  static let cifar = Reader(
    seeds: { _ in
      [[3] + [UInt8](repeating: 200, count: 3072), [9] + (0..<3072).map { UInt8($0 & 255) }]
    },
    read: { input, folder in
      let url = folder.appending(path: "batch.bin")
      try Data(input).write(to: url)
      let images = try LabelledImages(cifar10: [url])
      _ = images.prefix(1)
    })

  /// What people type: methods, dampings, groups of blocks.
  static let settings = Reader(
    seeds: { _ in
      [
        "exact,datainf", "lissa:depth=10,scale=5", "relatif-l:base=cg:tolerance=1e-1,steps=50",
        "absolute:1e-3", "1e-3:1:13",
        "trak:probabilities=p.npy,dimension=4", "{\"group\": [\"a\", \"b\"]}", "layer",
        "arnoldi:rank=4",
      ].map { Array($0.utf8) }
    },
    read: { input, _ in
      let text = String(decoding: input, as: UTF8.self)
      for method in MethodList.specifications(in: text) {
        if let estimator = try? EstimatorCatalog.estimator(method) { _ = "\(estimator.settings)" }
        _ = try? RepresentationCatalog.method(method)
      }
      try Damping(text)?.validate()
      if let grid = try? DampingGrid(parsing: text) { _ = grid.description }
      let partition = try BlockPartition(json: OrderedJSON(parsing: input), path: "groups.json")
      _ = try store(ofRows: 2).partitioned(by: partition)
    })

  /// A store in memory.
  static func store(ofRows rows: Int) -> GradientStore {
    GradientStore(
      blocks: [("a", [2, 3]), ("b", [2])].map { name, shape in
        let columns = shape.reduce(1, *)
        let numbers = (0..<rows * columns).map { Float($0 % 5) - 1.75 }
        return (name, shape, Matrix(rows: rows, columns: columns, elements: numbers))
      })
  }
}
