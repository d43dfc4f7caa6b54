import InfluenceKit
import Reports
import Testing

@Suite("Histograms and layers")
struct ContentsTests {
  @Test("bins hold all scores, each its own")
  func histogram() {
    let scores = (0..<997).map { Double(($0 * 7919) % 1000 - 480) / 7 }
    let histogram = ScoreHistogram(of: scores)
    #expect(histogram.counts.reduce(0, +) == scores.count)
    let largest = scores.map(abs).max() ?? 0
    #expect(histogram.largest == largest)
    for bin in 0..<ScoreHistogram.binCount {
      let (low, high) = (
        bin == 0 ? -.infinity : histogram.upperEnd(of: bin - 1), histogram.upperEnd(of: bin)
      )
      let inside = scores.count { $0 >= low + 1e-9 && $0 < high - 1e-9 }
      let near = scores.count { $0 >= low - 1e-9 && $0 <= high + 1e-9 }
      #expect((inside...near).contains(histogram.counts[bin]))
    }
  }

  @Test("scores of zero are in the middle")
  func zeros() {
    let histogram = ScoreHistogram(of: [0, 0, 0])
    #expect(histogram.counts[(ScoreHistogram.binCount - 1) / 2] == 3)
    #expect(ScoreHistogram(of: [Double]()).counts.reduce(0, +) == 0)
  }

  @Test("blocks are of the layer that their names tell")
  func layers() {
    let groups = LayerGroups(of: [
      "bert.encoder.layer.0.attention.self.value.lora_A.weight",
      "bert.encoder.layer.0.attention.self.value.lora_B.weight",
      "bert.encoder.layer.1.attention.self.value.lora_A.weight",
      "classifier.modules_to_save.weight",
    ])
    #expect(groups.names == ["layer 0", "layer 1", "classifier"])
    #expect(groups.groupOfBlock == [0, 0, 1, 2])
    #expect(groups.summed([1, 2, 4, 8]) == [3, 4, 8])
    #expect(LayerGroups(of: ["transformer.h.3.mlp.c_fc.weight"]).names == ["layer 3"])
    // Two stacks with layers of one number are told apart.
    #expect(
      LayerGroups(of: ["encoder.layers.0.w", "decoder.layers.0.w"]).names
        == ["encoder.layers.0", "decoder.layers.0"])
  }

  @Test("more than a dozen layers go together with their neighbours", arguments: [13, 24, 100])
  func manyLayers(count: Int) {
    let blocks = (0..<count).map { "model.layers.\($0).q_proj.weight" } + ["lm_head.weight"]
    let groups = LayerGroups(of: blocks)
    #expect(groups.names.count == LayerGroups.most)
    #expect(Set(groups.groupOfBlock).count == LayerGroups.most)
    #expect(groups.groupOfBlock == groups.groupOfBlock.sorted())
    #expect(groups.names[0].hasPrefix("layer"))
  }

  @Test("near-duplicates that hang together are one group, and copies of queries are told")
  func duplicates() throws {
    let texts = [
      "one two three four five six", "one two three four five six seven",
      "one two three four five six seven eight", "something else entirely",
    ]
    let part = try #require(
      DuplicatePart(
        among: texts, queries: ["Something else, entirely"], labels: ["a", "b", "a", "a"],
        queryLabels: ["b"]))
    #expect(part.groups.map(\.rows) == [[0, 1, 2]])
    #expect(part.groups[0].labelsDiffer && part.differingCount == 1)
    #expect(part.leaks.map(\.example) == [3] && part.leaks[0].similarity == 1)
    #expect(
      DuplicatePart(among: ["a b", "c d"], queries: [], labels: nil, queryLabels: nil) == nil)
  }
}
