import Foundation
import InfluenceKit

/// Readers of folders that other tools write.
extension Reader {
  /// bergson, TRAK, logix, dattri, and conversions with what InfluenceKit notes beside them.
  static let foreign = Reader(
    seeds: { folder in
      var seeds = [bergson, trak, logix, dattri].map { Bundle($0).input }
      for target in [StoreConversion.Target.npy, .bergson] {
        let url = folder.appending(path: "seed-\(target.rawValue)")
        _ = try StoreConversion(of: store(ofRows: 4), to: target, at: url).run()
        seeds.append(try Bundle(of: url).input)
      }
      return seeds
    }, read: readFolder)

  /// Folders with archives of PyTorch, whose members are files of the input: LESS, LoRIF and dattri-LLM.
  static let factored = Reader(
    seeds: { _ in [less, lorif, dattriLLM].map { Bundle($0).input } }, read: readFolder)

  /// kronfluence's factors beside gradients of a layer with a bias.
  static let factors = Reader(
    seeds: { _ in [Bundle(kronfluence).input] },
    read: { input, folder in
      let url = folder.appending(path: "factors")
      guard (try? Bundle(input, names: names(in: input)).write(to: url)) != nil else { return }
      let weights = Matrix(rows: 4, columns: 2, elements: (0..<8).map { Float($0 * $0 % 5) })
      let biases = Matrix(rows: 4, columns: 1, elements: [1, -1, 2, 0] as [Float])
      let training = try GradientStore(
        blocks: [("a.weight", [1, 2], weights), ("a.bias", [1], biases)]
      ).withFactors(ofKronfluenceAt: url)
      for method in ["kfac", "ekfac"] { try? score(by: method, on: training) }
      try score(by: "ekfac", on: training)
    })

  private static func readFolder(_ input: [UInt8], in folder: URL) throws {
    let url = folder.appending(path: "store")
    // Where one name is a file and a folder, there is nothing to read.
    let bundle = Bundle(packing: Bundle(input, names: names(in: input)))
    guard (try? bundle.write(to: url)) != nil else { return }
    if let store = try? GradientStore(opening: url, allowingIncomplete: true, check: .nothing) {
      try? use(store)
    }
    if let store = try? GradientStore(opening: url, summingTokens: true, check: .nothing) {
      try? use(store)
    }
    try use(GradientStore(opening: url))
  }

  /// The names of the files in an input that lead nowhere else.
  private static func names(in input: [UInt8]) -> Set<String> {
    Set(
      String(decoding: input, as: UTF8.self).matches(of: #/%%([a-zA-Z0-9._\/-]+)\n/#)
        .map { String($0.1) }.filter { name in
          !name.split(separator: "/", omittingEmptySubsequences: false).contains { part in
            ["", ".", ".."].contains(part)
          }
        })
  }

  // MARK: Seeds

  private typealias Files = [(name: String, bytes: [UInt8])]

  private static func text(_ name: String, _ text: String) -> (name: String, bytes: [UInt8]) {
    (name, Array(text.utf8))
  }

  private static func floats(_ count: Int) -> [UInt8] {
    (0..<count).flatMap { number in
      withBytes(of: Float(number * 7 % 11) - 4)
    }
  }

  private static func withBytes(of number: Float) -> [UInt8] {
    (0..<4).map { UInt8(truncatingIfNeeded: number.bitPattern >> UInt32(8 * $0)) }
  }

  /// A `.npy` file.
  private static func array(_ type: String, _ shape: String, _ bytes: [UInt8]) -> [UInt8] {
    var header = "{'descr': '\(type)', 'fortran_order': False, 'shape': \(shape), }"
    header += String(repeating: " ", count: 117 - header.utf8.count) + "\n"
    return [0x93] + Array("NUMPY".utf8) + [1, 0, 118, 0] + Array(header.utf8) + bytes
  }

  private static var bergson: Files {
    [
      text(
        "info.json",
        #"{"attribute_tokens": true, "num_items": 2, "num_grads": 3, "grad_sizes": {"a": 2, "b": 1}, "base_dtype": "float32"}"#
      ),
      ("gradients.bin", floats(9)),
      ("offsets.npy", array("<i8", "(3,)", [0, 1, 3].flatMap { [$0, 0, 0, 0, 0, 0, 0, 0] })),
      text(
        "config.yaml",
        "steps:\n- build:\n    index_cfg:\n      model: 'm'\n      loss_fn: ce\n      projection_dim: 16\n    preprocess_cfg:\n      unit_normalize: true\n"
      ),
      text("processor_config.yaml", "projection_dim: 16\n"),
    ]
  }

  private static var trak: Files {
    [
      text("metadata.json", #"{"JL dimension": 2, "JL matrix type": "normal"}"#),
      ("0/grads.mmap", array("<f4", "(3, 2)", floats(6))),
      ("0/out_to_loss.mmap", array("<f4", "(3, 1)", [UInt8](repeating: 0, count: 12))),
      ("0/_is_featurized.mmap", array("<i4", "(3, 1)", [1, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0])),
    ]
  }

  private static var logix: Files {
    let entry = { (id: String, offset: Int) in
      #"{"data_id": "\#(id)", "path": [["a", "grad"], ["b", "grad"]], "offset": \#(offset), "shape": [[2, 1], [1]], "block_size": 3, "dtype": "float32"}"#
    }
    return [
      ("log_rank_0_chunk_0.mmap", floats(6)),
      text("log_rank_0_chunk_0_metadata.json", "[\(entry("x", 0)), \(entry("y", 12))]"),
      ("log_rank_1_chunk_0.mmap", floats(3)),
      text("log_rank_1_chunk_0_metadata.json", "[\(entry("z", 0))]"),
    ]
  }

  private static var dattri: Files {
    [
      text(
        "batch_metadata.json",
        #"{"batch_info":{"0":{"start_idx":0,"sample_count":2},"1":{"start_idx":2,"sample_count":1}},"layer_names":["a","b"],"layer_dims":[1,2],"total_proj_dim":3,"total_samples":3}"#
      ),
      ("grad/chunk_gradients_0_1.mmap", floats(9)),
      text(
        "grad/chunk_gradients_0_1_metadata.json",
        #"{"storage_dtype":"float32","shape":[3,3],"batches":[{"batch_idx":1,"start_row":0,"end_row":1},{"batch_idx":0,"start_row":1,"end_row":3}]}"#
      ),
    ]
  }

  private static var less: Files {
    [
      ("grads-2.pt/data.pkl", pickle(tensor(0, "Float", 4, [2, 2]))),
      ("grads-2.pt/data.0", floats(4)),
      ("grads-3.pt/data.pkl", pickle(tensor(0, "Float", 2, [1, 2]))),
      ("grads-3.pt/data.0", floats(2)),
    ]
  }

  private static var lorif: Files {
    let factors =
      "}(X\u{4}\0\0\0left\(tensor(0, "Float", 4, [2, 2, 1]))X\u{5}\0\0\0right\(tensor(1, "Float", 6, [2, 3, 1]))u"
    return [
      text(
        "manifest.json",
        #"{"format": "lorif-factors", "format_version": 1, "num_examples": 2, "layers": [{"name": "b", "path": "l", "factor_rank": 1, "projected_input_dim": 2, "projected_output_dim": 3}], "shards": [{"index": 0, "start": 0, "end": 2}], "metadata": {"loss": "ce"}}"#
      ),
      ("l/shard-00000.pt/data.pkl", pickle(factors)),
      ("l/shard-00000.pt/data.0", floats(4)), ("l/shard-00000.pt/data.1", floats(6)),
    ]
  }

  private static var dattriLLM: Files {
    func part(_ offset: Int, _ bytes: Int, _ shape: [Int]) -> OrderedJSON {
      [
        "byte_off": .integer(offset), "nbytes": .integer(bytes),
        "shape": .array(shape.map { .integer($0) }), "dtype": "float32",
      ]
    }
    let record: OrderedJSON = [
      "layer_types": ["a": "nn.Linear", "a@2": "nn.Linear", "b": "nn.LayerNorm"],
      "indexing": ["a": "batch_token", "a@2": "batch_token", "b": "batch"],
      "layers": [
        "a": [
          "kind": "factorized",
          "parts": [
            "activation": part(0, 16, [1, 2, 2]), "pre_activation_grad": part(16, 24, [1, 2, 3]),
          ], "module_kwargs": ["has_bias": .boolean(true)], "batch_first": .boolean(true),
        ],
        "a@2": [
          "kind": "factorized",
          "parts": [
            "activation": part(0, 16, [2, 1, 2]), "pre_activation_grad": part(16, 24, [2, 1, 3]),
          ], "module_kwargs": ["has_bias": .boolean(true)], "batch_first": .boolean(false),
        ],
        "b": ["kind": "dense", "parts": ["data": part(40, 8, [1, 2])]],
      ],
    ]
    let meta: OrderedJSON = ["format": .integer(2), "records": .array([record])]
    return [
      text("index_meta.json", #"{"format": 2}"#),
      text(
        "index.jsonl",
        #"{"file":"b.mmap","records":[{"idx":0,"step":0,"hashes":["x"]},{"idx":0,"step":1,"hashes":["x"]}]}"#
          + "\n"),
      ("b.mmap.bin", floats(12)),
      ("b.mmap.meta/data.pkl", [0x80, 2] + pickled(meta) + [0x2E]),
    ]
  }

  private static var kronfluence: Files {
    func file(_ name: String, _ type: String, _ shape: [Int], _ bytes: [UInt8])
      -> (name: String, bytes: [UInt8])
    {
      let header =
        #"{"a":{"dtype":"\#(type)","shape":\#(shape),"data_offsets":[0,\#(bytes.count)]}}"#
      let padded = header + String(repeating: " ", count: (8 - header.utf8.count % 8) % 8)
      return (
        "\(name).safetensors",
        [UInt8(padded.utf8.count), 0, 0, 0, 0, 0, 0, 0] + Array(padded.utf8) + bytes
      )
    }
    func diagonal(_ numbers: [Float]) -> [UInt8] {
      (0..<9).flatMap { withBytes(of: $0 % 4 == 0 ? numbers[$0 / 4] : 0) }
    }
    let count: [UInt8] = [4, 0, 0, 0, 0, 0, 0, 0]
    return [
      text(
        "factor_arguments.json",
        #"{"use_empirical_fisher": false, "covariance_max_examples": 100}"#),
      text("covariance_dataset_metadata.json", #"{"dataset_size": 4, "indices": null}"#),
      file("activation_covariance", "F32", [3, 3], diagonal([4, 8, 12])),
      file("activation_eigenvectors", "F32", [3, 3], diagonal([1, 1, 1])),
      file("num_activation_covariance_processed", "I64", [1], count),
      file("gradient_covariance", "F32", [1, 1], withBytes(of: 8)),
      file("gradient_eigenvectors", "F32", [1, 1], withBytes(of: 1)),
      file("num_gradient_covariance_processed", "I64", [1], count),
      file("lambda_matrix", "F32", [1, 3], [4, 8, 12].flatMap { withBytes(of: $0) }),
      file("num_lambda_processed", "I64", [1], count),
    ]
  }

  private static func pickle(_ codes: String) -> [UInt8] { [0x80, 2] + Array(codes.utf8) + [0x2E] }

  /// A value as the opcodes of a pickle.
  private static func pickled(_ json: OrderedJSON) -> [UInt8] {
    func text(_ string: String) -> [UInt8] {
      [0x58, UInt8(string.utf8.count), 0, 0, 0] + Array(string.utf8)
    }
    if let members = json.object {
      return Array("}(".utf8) + members.flatMap { text($0.key) + pickled($0.value) } + [0x75]
    }
    if let values = json.array { return Array("](".utf8) + values.flatMap(pickled) + [0x65] }
    if let string = json.string { return text(string) }
    if let number = json.integer { return [0x4B, UInt8(number)] }
    return [json.boolean == true ? 0x88 : 0x89]
  }
}

extension Bundle {
  /// Files of which those in a folder that is called as an archive is, `a.pt` or `a.meta`, become that archive.
  init(packing bundle: Bundle) {
    var archives: [(name: String, members: [(name: String, bytes: [UInt8])])] = []
    files = []
    for (name, bytes) in bundle.files {
      guard let place = name.lastIndex(of: "/"),
        [".pt", ".meta"].contains(where: name[..<place].hasSuffix)
      else {
        files.append((name, bytes))
        continue
      }
      let archive = String(name[..<place])
      let member = (name: String(name[name.index(after: place)...]), bytes: bytes)
      if let known = archives.firstIndex(where: { $0.name == archive }) {
        archives[known].members.append(member)
      } else {
        archives.append((archive, [member]))
      }
    }
    for archive in archives {
      files.append((archive.name, Reader.archive(of: archive.members)))
    }
  }
}
