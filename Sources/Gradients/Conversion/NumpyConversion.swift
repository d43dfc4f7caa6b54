import Foundation
import LinearAlgebra
import TensorFiles

/// A directory of `.npy` files, one per block, `n × …`; or one `.npy` file, of a single block.
///
/// Files are called as their blocks, as far as a file's name can be. The blocks' names, their order and what else the store
/// remembers are in `influencekit.json`, and what is known of examples in `examples.jsonl`.
enum NumpyConversion: ConversionFormat {
  static let elementTypes = ElementType.floatingPoint.filter { $0.numpyDescriptor != nil }
  private static let ending = "npy"

  static func problem(of source: GradientStore, at destination: URL) -> String? {
    guard isFile(destination), source.layout.count > 1 else { return nil }
    return
      "the name is that of one .npy file, and there are \(source.layout.count) blocks, which get a file each; name a folder, or choose one block"
  }

  static func remarks(on source: GradientStore, at destination: URL) -> [String] {
    guard isFile(destination), let block = source.layout.blocks.first else { return [] }
    var remarks: [String] = []
    if block.name != NumpyStore.block {
      remarks.append(
        "the file has no place for the name of the block, \(block.name.quoted): it is \(NumpyStore.block.quoted) where the file is opened again"
      )
    }
    if !source.rememberedProvenance.isEmpty {
      remarks.append(
        "what the store remembers of its making has no place in one file, and is left behind; name a folder to keep it"
      )
    }
    return remarks
  }

  static func write<Element: Scalar>(
    _ rows: ConversionRows, as type: Element.Type, to destination: URL
  ) throws -> Int {
    try isFile(destination)
      ? writeFile(rows, as: type, to: destination)
      : writeFolder(rows, as: type, to: destination)
    return 0
  }

  private static func isFile(_ destination: URL) -> Bool {
    destination.pathExtension.lowercased() == ending
  }

  private static func writeFile<Element: Scalar>(
    _ rows: ConversionRows, as type: Element.Type, to destination: URL
  ) throws {
    var examples = try ConversionExamples(beside: destination)
    var writer: NumpyWriter? = try NumpyWriter(
      at: destination, shape: [rows.count] + rows.layout.blocks[0].shape,
      elementType: rows.elementType)
    try rows.forEachChunk(as: type) { chunk in
      try writer?.append(chunk.blocks[0])
      try examples.append(chunk.lines)
    }
    if let file = writer.take()?.finish() { try examples.commit(with: file) }
  }

  private static func writeFolder<Element: Scalar>(
    _ rows: ConversionRows, as type: Element.Type, to destination: URL
  ) throws {
    let names = fileNames(of: rows.layout.blocks.map(\.name))
    let folder = try ConversionFolder(
      for: destination, notes: StoreNotes(of: rows.source, files: names))
    var sizes: [Int] = []
    for (name, block) in zip(names, rows.layout.blocks) {
      var file = try folder.file(name)
      try file.write(
        NumpyHeader.bytes(
          descriptor: rows.elementType.numpyDescriptor ?? "", shape: [rows.count] + block.shape))
      sizes.append(file.count)
    }
    var examples = try folder.file(StoreFile.examples)
    try rows.forEachChunk(as: type) { chunk in
      // Opened for each chunk: a process may hold fewer files at once than there are blocks.
      for (index, matrix) in chunk.blocks.enumerated() {
        var file = try AppendableFile(
          at: folder.url.appending(path: names[index]), keeping: sizes[index])
        try file.write(matrix, as: rows.elementType)
        if chunk.rows.upperBound == rows.count { try file.synchronize() }
        sizes[index] = file.count
      }
      try examples.write(chunk.lines)
    }
    try examples.synchronize()
    if examples.count == 0 {
      try FileManager.default.removeItem(at: folder.url.appending(path: StoreFile.examples))
    }
    try folder.commit()
  }

  /// A name for each block's file: different ones, also where capitals are not told apart.
  static func fileNames(of blocks: [String]) -> [String] {
    // What is called so lies beside gradients, and is not one of them.
    var taken: Set<String> = [LabelProbabilities.fileName]
    return blocks.map { name in
      let characters = name.map { character in
        character.isASCII
          && (character.isLetter || character.isNumber || "._-+".contains(character))
          ? character : "_"
      }.prefix(120)
      let stem = characters.first.map { $0 == "." ? "_" : "" } ?? "_"
      var candidate = "\(stem)\(String(characters)).\(ending)"
      var number = 2
      while !taken.insert(candidate.lowercased()).inserted {
        candidate = "\(stem)\(String(characters))~\(number).\(ending)"
        number += 1
      }
      return candidate
    }
  }
}
