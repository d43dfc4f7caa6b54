import Data
import Foundation
import LinearAlgebra
import TestSupport
import Testing

@Suite("Image files: idx, CIFAR")
struct ImageFileTests {
  /// Two images of 2 × 4 with values 0 … 15, as an idx file.
  private let images: [UInt8] =
    [0, 0, 8, 3, 0, 0, 0, 2, 0, 0, 0, 2, 0, 0, 0, 4] + (0..<16).map { UInt8($0) }
  private let labels: [UInt8] = [0, 0, 8, 1, 0, 0, 0, 2, 1, 0]

  private func cifar(_ labels: [UInt8]) -> [UInt8] {
    labels.enumerated().flatMap { row, label in
      [label] + (0..<3072).map { UInt8(truncatingIfNeeded: $0 / 1024 * 80 + row) }
    }
  }

  @Test("an idx file gives dimensions and values")
  func idx() throws {
    let file = try IDXFile(bytes: images, path: "x")
    #expect(file.dimensions == [2, 2, 4])
    #expect(file.values == (0..<16).map { UInt8($0) })
  }

  @Test("malformed idx files are refused by name and size")
  func malformedIDX() {
    #expect(
      throws: DataFileError.wrongSize(path: "x", expected: "16 + 2 · 2 · 4", found: 31)
    ) { try IDXFile(bytes: Array(images.dropLast()), path: "x") }
    #expect(
      throws: DataFileError.wrongSize(path: "x", expected: "16 + 2 · 2 · 4", found: 33)
    ) { try IDXFile(bytes: images + [0], path: "x") }
    #expect(throws: DataFileError.wrongSize(path: "x", expected: "16 of the header", found: 9)) {
      try IDXFile(bytes: Array(images.prefix(9)), path: "x")
    }
    let huge: [UInt8] = [0, 0, 8, 3] + [UInt8](repeating: 255, count: 12)
    #expect(throws: DataFileError.self) { try IDXFile(bytes: huge, path: "x") }
    for magic: [UInt8] in [[], [0, 0], [1, 0, 8, 3], [0, 0, 13, 3], [0, 0, 8, 0]] {
      let error = #expect(throws: DataFileError.self) {
        try IDXFile(bytes: magic + (magic.count == 4 ? Array(images.dropFirst(4)) : []), path: "x")
      }
      guard case .wrongFormat("x", _, _) = error else {
        Issue.record("\(magic) gave \(String(describing: error))")
        continue
      }
    }
  }

  @Test("images and labels must belong together")
  func mismatches() throws {
    let folder = try TemporaryDirectory()
    let pixels = try folder.write(images, to: "images")
    let classes = try folder.write(labels, to: "labels")
    let three = try folder.write([0, 0, 8, 1, 0, 0, 0, 3, 1, 0, 1] as [UInt8], to: "three")
    let data = try LabelledImages(idxImages: pixels, labels: classes, classCount: 2)
    #expect(data.labels == [1, 0] && data.height == 2 && data.width == 4 && data.channels == 1)
    #expect(
      throws: DataFileError.differentCounts(
        path: pixels.path, count: 2, otherPath: three.path, otherCount: 3)
    ) { try LabelledImages(idxImages: pixels, labels: three) }
    #expect(
      throws: DataFileError.labelOutOfRange(path: classes.path, row: 0, label: 1, classCount: 1)
    ) { try LabelledImages(idxImages: pixels, labels: classes, classCount: 1) }
    #expect(throws: DataFileError.self) { try LabelledImages(idxImages: classes, labels: pixels) }
  }

  @Test("pooling averages squares and divides by 255")
  func pooling() throws {
    let folder = try TemporaryDirectory()
    let data = try LabelledImages(
      idxImages: folder.write(images, to: "i"), labels: folder.write(labels, to: "l"))
    let plain: TabularDataSet<Double> = try data.dataSet()
    #expect(plain.features.elements == (0..<16).map { Double($0) * (1.0 / 255) })
    // Squares (0, 1, 4, 5), (2, 3, 6, 7), and 8 more in the second image.
    let pooled: TabularDataSet<Double> = try data.dataSet(pooling: 2)
    expectClose(
      pooled.features.elements, [2.5, 4.5, 10.5, 12.5].map { $0 / 255 },
      bound: .backward(order: 4))
    #expect(throws: DataFileError.self) { try data.dataSet(pooling: 4, of: Float.self) }
    let second = data.selecting([1])
    #expect(second.ids == [1] && second.labels == [0])
    #expect(try second.dataSet(of: Double.self).ids == [1])
    #expect(try second.dataSet(of: Double.self).features[0, 0] == 8 * (1.0 / 255))
  }

  @Test("CIFAR rows give labels and planes; others are refused with the row")
  func cifar() throws {
    let file = try CIFARFile(bytes: cifar([3, 9]), path: "c")
    #expect(file.labels == [3, 9])
    #expect(file.pixels.count == 6144 && file.pixels[0] == 0 && file.pixels[1024] == 80)
    #expect(file.pixels[3072] == 1)
    #expect(
      throws: DataFileError.wrongSize(path: "c", expected: "a multiple of 3073", found: 6145)
    ) { try CIFARFile(bytes: cifar([3, 9]).dropLast(), path: "c") }
    #expect(
      throws: DataFileError.labelOutOfRange(path: "c", row: 1, label: 10, classCount: 10)
    ) { try CIFARFile(bytes: cifar([3, 10]), path: "c") }
    #expect(throws: DataFileError.noRows(path: "c")) { try CIFARFile(bytes: [], path: "c") }
  }

  @Test("CIFAR-10N: columns, the rows that differ, and malformed tables")
  func humanLabels() throws {
    let header =
      "index,clean_label,aggre_label,worse_label,random_label1,random_label2,random_label3"
    let table = try TableFile(text: header + "\n0,6,6,4,6,4,6\n1,9,9,9,9,9,9\n", path: "n")
    let labels = try CIFAR10NLabels(table)
    #expect(labels.count == 2 && labels.labels(.worse) == [4, 9])
    #expect(labels.labels(.random2, of: [1, 0]) == [9, 4])
    #expect(labels.mislabelled(.worse, among: [1, 0]) == [1])
    func error(_ rows: String) -> DataFileError? {
      #expect(throws: DataFileError.self) {
        try CIFAR10NLabels(TableFile(text: rows, path: "n"))
      }
    }
    #expect(
      error(header + "\n1,6,6,4,6,4,6\n")
        == .wrongIndex(path: "n", line: 2, expected: 0, found: "1"))
    #expect(
      error(header + "\n0,6,6,4,6,4,10\n")
        == .labelOutOfRange(path: "n", row: 0, label: 10, classCount: 10))
    #expect(
      error(header + "\n0,6,6,x,6,4,1\n")
        == .notANumber(path: "n", line: 2, column: "worse_label", found: "x"))
    #expect(
      error("index,clean_label\n0,6\n")
        == .missingColumn(path: "n", name: "aggre_label", columns: ["index", "clean_label"]))
  }
}
