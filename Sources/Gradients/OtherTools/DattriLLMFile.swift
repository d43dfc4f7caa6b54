import Foundation
import OrderedCollections
import TensorFiles

/// One file of numbers of dattri-LLM, and what the dictionary beside it says lies where.
struct DattriLLMFile {
  /// What one step left of a batch.
  struct Record {
    let layout: BlockLayout
    let blocks: [BlockSource]
  }

  /// The layers that are maps of a matrix, by what dattri-LLM calls them.
  private static let linear: Set<String> = [
    "nn.Linear", "nn.NonDynamicallyQuantizableLinear", "transformers.pytorch_utils.Conv1D",
  ]

  let path: String
  let map: MemoryMap
  private let records: [TorchValue]

  /// Opens both files.
  ///
  /// - Parameters:
  ///   - name: The path that the index gives, from the place on.
  ///   - place: The cache's folder.
  init(_ name: String, in place: StorePlace) throws {
    let parts = name.split(separator: "/", omittingEmptySubsequences: false)
    guard !parts.contains(where: { ["", ".", ".."].contains($0) }) else {
      throw GradientStoreError.inconsistent(
        path: place.url.path,
        reason: "the path \(name.quoted) of a file leads elsewhere; collect the gradients again")
    }
    guard name.hasSuffix(".mmap") else {
      throw GradientStoreError.inconsistent(
        path: place.url.appending(path: name).path,
        reason:
          "it is a pickle of Python objects, and loading one can do anything; collect the gradients with disk_format=\"memmap\", dattri-LLM's default"
      )
    }
    let meta = place.url.appending(path: name + ".meta")
    guard let file = try TorchFile(opening: meta) else {
      throw GradientStoreError.unrecognised(
        path: meta.path, found: "the file is no file of PyTorch")
    }
    guard file.value["format"]?.text == "2", case .list(let records)? = file.value["records"] else {
      throw GradientStoreError.invalidField(
        path: meta.path, field: "format",
        reason: "is not 2, with records; collect the gradients again with dattri-LLM 0.1")
    }
    path = meta.path
    map = try MemoryMap(opening: place.url.appending(path: name + ".bin"))
    self.records = records
  }

  /// A record, whose batch has so many examples.
  func record(_ index: Int, examples: Int) throws -> Record {
    guard records.indices.contains(index), let layers = records[index]["layers"]?.members,
      !layers.isEmpty
    else { throw invalid("records[\(index)]", "is not there, or has no layers") }
    let kinds = records[index]["layer_types"]?.table ?? [:]
    let indexing = records[index]["indexing"]?.table ?? [:]
    var parts: OrderedDictionary<String, (shape: [Int], source: BlockSource)> = [:]
    var calls: OrderedDictionary<String, (products: TokenProducts, name: String)> = [:]
    for (name, layer) in layers {
      // A layer that is called again in a step gets "@2" and so on behind its name.
      let base = name.split(separator: "@", maxSplits: 1).first.map(String.init) ?? name
      let kind = kinds[name]?.text ?? ""
      if layer["kind"]?.text == "dense" {
        guard base == name, kind != "param_grad_layers",
          indexing[name]?.text != "batch_token"
        else {
          throw invalid(
            name, "holds something else than one gradient for each example; leave this layer out")
        }
        let (numbers, shape) = try tensor(layer["parts"]?["data"], named: name)
        guard shape.first == examples else { throw notExamples(name, shape, examples) }
        parts[name] = (Array(shape.dropFirst()), .mapped(numbers))
        continue
      }
      guard Self.linear.contains(kind) else {
        throw invalid(
          name,
          "is of type \(kind.quoted), of which factors are not read here; leave it out of the hooks, or capture it with capture_style=\"materialized\""
        )
      }
      let product = try self.product(layer, named: name, examples: examples)
      if let known = calls[base]?.products {
        guard known.outputs == product.outputs, known.inputs == product.inputs else {
          throw invalid(name, "is not of the size of its layer's first call")
        }
        calls[base]?.products = TokenProducts(
          calls: known.calls + product.calls, outputs: known.outputs, inputs: known.inputs,
          hasBias: known.hasBias)
      } else {
        calls[base] = (product, name)
        parts[base] = ([product.outputs, product.inputs], .derived(product, firstRow: 0))
      }
    }
    // With all calls of each layer.
    for (name, call) in calls { parts[name]?.source = .derived(call.products, firstRow: 0) }
    return Record(
      layout: try BlockLayout(validating: parts.map { ($0.key, $0.value.shape) }, path: path),
      blocks: parts.values.map(\.source))
  }

  /// The two factors of a linear layer.
  private func product(
    _ layer: TorchValue, named name: String, examples: Int
  ) throws -> TokenProducts {
    let (activations, shape) = try tensor(layer["parts"]?["activation"], named: name)
    let (gradients, other) = try tensor(layer["parts"]?["pre_activation_grad"], named: name)
    let tokensFirst = layer["batch_first"]?.text == "False"
    guard shape.count >= 2, shape.dropLast() == other.dropLast(),
      !tokensFirst || shape.count == 3
    else {
      throw invalid(name, "has factors of shapes \(shape) and \(other), which do not go together")
    }
    guard shape[tokensFirst ? 1 : 0] == examples else { throw notExamples(name, shape, examples) }
    let tokens = tokensFirst ? shape[0] : shape[1..<shape.count - 1].reduce(1, *)
    func factor(_ numbers: MappedMatrix, _ width: Int) throws -> TokenProducts.Factor {
      TokenProducts.Factor(
        numbers: tokensFirst
          ? try MappedMatrix(
            in: map, elementType: numbers.elementType, byteOffset: numbers.byteOffset,
            rows: tokens, columns: examples * width) : numbers,
        tokens: tokens, width: width, tokensFirst: tokensFirst)
    }
    let (inputs, outputs) = (shape[shape.count - 1], other[other.count - 1])
    let hasBias = layer["module_kwargs"]?["has_bias"]?.text == "True"
    return TokenProducts(
      calls: [
        .init(
          activations: try factor(activations, inputs), gradients: try factor(gradients, outputs))
      ], outputs: outputs, inputs: inputs + (hasBias ? 1 : 0), hasBias: hasBias)
  }

  /// Where a tensor lies, as a matrix with a row for each index of its first dimension.
  private func tensor(
    _ part: TorchValue?, named name: String
  ) throws -> (numbers: MappedMatrix, shape: [Int]) {
    guard let part, case .list(let dimensions)? = part["shape"],
      let offset = part["byte_off"]?.text.flatMap({ Int($0) }),
      let bytes = part["nbytes"]?.text.flatMap({ Int($0) }), offset >= 0
    else { throw invalid(name, "says not where its numbers lie") }
    guard let type = part["dtype"]?.text.flatMap({ ElementType(numpy: $0) }) else {
      throw invalid(
        name,
        "holds \((part["dtype"]?.text ?? "nothing").quoted) numbers, not float16, bfloat16, float32 or float64"
      )
    }
    let shape = dimensions.compactMap { $0.text.flatMap { Int($0) } }
    var count = 1
    for dimension in shape {
      let (product, overflow) = count.multipliedReportingOverflow(by: dimension)
      guard dimension > 0, !overflow, product < Int(Int32.max) * 1024 else {
        throw invalid(name, "has the impossible shape \("\(shape)".legible)")
      }
      count = product
    }
    guard shape.count == dimensions.count, let rows = shape.first, bytes == count * type.byteCount,
      bytes <= map.count, offset <= map.count - bytes
    else {
      throw invalid(
        name,
        "has \(bytes) bytes from byte \(offset) on, which are not those of its shape, or not in the file of \(map.count) bytes"
      )
    }
    return (
      try MappedMatrix(
        in: map, elementType: type, byteOffset: offset, rows: rows, columns: count / rows), shape
    )
  }

  private func notExamples(_ name: String, _ shape: [Int], _ count: Int) -> GradientStoreError {
    invalid(
      name,
      "is of shape \(shape), where the index has \(count) examples: it is not captured for each of them; leave this layer out"
    )
  }

  private func invalid(_ field: String, _ reason: String) -> GradientStoreError {
    .invalidField(
      path: path, field: field,
      reason: reason.contains("; ") ? reason : reason + "; collect the gradients again")
  }
}

extension TorchValue {
  /// The members of a dictionary.
  fileprivate var members: [(key: String, value: TorchValue)]? {
    guard case .dictionary(let members) = self else { return nil }
    return members
  }

  /// The members of a dictionary by their keys.
  fileprivate var table: [String: TorchValue]? {
    members.map { Dictionary($0.map { ($0.key, $0.value) }) { first, _ in first } }
  }

  /// A member of a dictionary; nil where there is none.
  fileprivate subscript(key: String) -> TorchValue? {
    members?.first { $0.key == key }?.value
  }

  /// A plain value, as Python would print it.
  fileprivate var text: String? {
    guard case .plain(let text) = self else { return nil }
    return text
  }
}
