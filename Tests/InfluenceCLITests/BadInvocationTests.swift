import Foundation
import InfluenceKit
import TestSupport
import Testing

/// A command line that must fail: its words, its exit code, and what its one line must say.
struct BadInvocation: Sendable, CustomTestStringConvertible {
  let words: [String]
  let status: Int32
  let pieces: [String]

  init(_ line: String, _ status: Int32, _ pieces: String...) {
    // «» stands for an empty word.
    words = line.split(separator: " ").map { $0 == "«»" ? "" : String($0) }
    self.status = status
    self.pieces = pieces
  }

  var testDescription: String { words.joined(separator: " ") }

  private static let score = "score --train train.safetensors --query query.safetensors"
  private static let exact = "\(score) --method exact"
  private static let full = "\(exact) --output o.npy"
  private static let outliers = "outliers --train train.safetensors --output o.npy"
  private static let gradients = "gradients --output made"
  private static let perceptron = "\(gradients) --model perceptron"
  private static let plan = "plan --rows 10 --columns 100 --queries 2"
  private static let compare =
    "compare --train train.safetensors --query query.safetensors --output run"
  private static func train(_ path: String) -> String {
    "score --train \(path) --query query.safetensors --method exact --output o.npy"
  }
  private static func query(_ path: String) -> String {
    "score --train train.safetensors --query \(path) --method exact --output o.npy"
  }

  static let usage: [BadInvocation] = [
    .init("frobnicate", 64, "frobnicate", "influence --help"),
    .init("--frobnicate", 64, "--frobnicate"),
    .init("score", 64, "--method", "influence score --help"),
    .init("score --train train.safetensors --method exact", 64, "--query"),
    .init(
      "score --train train.safetensors --query query.safetensors --output o.npy", 64, "--method"),
    .init(exact, 64, "--output"),
    .init("\(full) --frobnicate", 64, "--frobnicate", "influence score --help"),
    .init("\(full) more", 64, "more"),
    .init("\(full) --aggregate sum", 64, "sum", "--aggregate", "none", "mean"),
    .init("\(full) --convention up", 64, "up", "--convention", "helpful", "influence"),
    .init("\(full) --side left", 64, "left", "--side"),
    .init("\(full) --precision half", 64, "half", "single", "double"),
    .init("\(full) --threads 0", 64, "--threads 0", "from 1 up"),
    .init("\(full) --threads \(Int.max)", 64, "--threads", "up to 2147483647"),
    .init(
      "\(score) --method arnoldi:rank=\(1 << 62) --output o.npy", 64, "rank", "1 ... 2147483647"),
    .init(
      "\(score) --method arnoldi:rank=2,steps=\(1 << 62) --output o.npy", 64, "steps",
      "1 ... 2147483647"),
    .init(
      "\(score) --method nystrom:landmarks=\(1 << 31) --output o.npy", 64, "landmarks", "2147483647"
    ),
    .init("\(score) --method cg:steps=\(1 << 62) --output o.npy", 64, "steps", "1 ... 2147483647"),
    .init("\(outliers) --trees \(1 << 62)", 64, "--trees", "up to 2147483647"),
    .init("\(outliers) --trees \(Int32.max)", 64, "trees", "do not fit into memory"),
    .init("\(outliers) --sample \(1 << 62)", 64, "--sample", "up to 2147483647"),
    .init(
      "disagree --features scores.npy --weights scores.npy --output o.npy --patience 1000000", 64,
      "--patience", "up to 100000"),
    .init("\(gradients) --queries \(1 << 62)", 64, "--queries", "up to 2147483647"),
    .init("\(gradients) --train 2000000000 --queries 2000000000", 65, "2000000000", "1797"),
    .init("\(gradients) --dropout-members 2000", 65, "dropout members", "from 1 to 1000"),
    .init("\(gradients) --select-blocks *.weight", 64, "--select-blocks", "language model"),
    .init("\(perceptron) --epochs 2000000", 64, "--epochs", "up to 1000000"),
    .init("\(perceptron) --hidden \(1 << 62)", 64, "--hidden", "up to 2147483647"),
    .init("\(perceptron) --hidden 2000000000 2000000000", 65, "layer sizes", "fit into memory"),
    .init(
      "gradients --model softmax --data labels.csv --label class --output made", 65, "99999999999",
      "65536"),
    .init("split train.safetensors made --rows \(1 << 62)", 64, "--rows", "up to 2147483647"),
    .init(
      "subset --train train.safetensors --query query.safetensors --method exact --size \(1 << 62)",
      64, "--size", "up to 2147483647"),
    .init("\(full) --threads -2", 64, "--threads -2"),
    .init("\(full) --threads many", 64, "many", "--threads"),
    .init("\(full) --memory lots", 64, "lots", "--memory"),
    .init("\(full) --damping 0", 64, "damping 0", "0.1"),
    .init("\(full) --damping -1", 64, "damping -1", "positive"),
    .init("\(full) --damping=-1", 64, "damping -1", "positive"),
    .init("\(full) --damping nan", 64, "damping nan", "positive"),
    .init("\(full) --damping inf", 64, "damping inf"),
    .init("\(full) --damping abc", 64, "abc", "--damping"),
    .init("\(full) --damping «»", 64, "--damping"),
    .init(
      "score --train train.safetensors --query query.safetensors --method datainf --output o.npy --damping absolute:0",
      64, "datainf", "absolute:VALUE"),
    .init("\(full) --damping absolute:-1", 64, "damping absolute:-1"),
    .init("\(full) --damping absolute:", 64, "absolute:", "--damping"),
    .init("\(full) --damping relative:absolute:1", 64, "--damping"),
    .init("\(score) --output o.npy --method nonsense", 64, "nonsense", "datainf", "exact"),
    .init("\(score) --output o.npy --method «»", 64, "datainf"),
    .init("\(score) --output o.npy --method exact:depth=3", 64, "exact", "depth"),
    .init("\(score) --output o.npy --method lissa:depth=0", 64, "lissa", "depth", "0"),
    .init("\(score) --output o.npy --method lissa:depth=abc", 64, "lissa", "depth", "abc"),
    .init("\(score) --output o.npy --method lissa:depth=2,tolerance=0.1", 64, "lissa", "tolerance"),
    .init("\(score) --output o.npy --method lissa:scale=-1", 64, "lissa", "scale"),
    .init("\(score) --output o.npy --method cg:steps", 64, "cg", "steps", "name=value"),
    .init("\(score) --output o.npy --method cg:steps=1,steps=2", 64, "cg", "steps", "twice"),
    .init("\(score) --output o.npy --method cg:tolerance=-1", 64, "cg", "tolerance"),
    .init(
      "\(score) --output o.npy --method exact,cg:steps=5,tolerance=0.1", 64, "2 methods",
      "exact, cg:steps=5,tolerance=0.1", "influence score takes one"),
    .init("\(full) --method datainf", 64, "2 methods (exact, datainf)"),
    .init("self --train train.safetensors --output o.npy --method exact,datainf", 64, "2 methods"),
    .init("self --train train.safetensors", 64, "'--method <name>'"),
    .init("self --train train.safetensors --method exact", 64, "'--output <path>'"),
    .init(
      "sweep --train train.safetensors --query query.safetensors --grid 1e-3:1:3", 64, "--method"),
    .init("fit --train train.safetensors --output f", 64, "'--method <names>'"),
    .init("fit --train train.safetensors --method exact", 64, "'--output <folder>'"),
    .init("index train.safetensors --output i", 64, "'--method <name>'"),
    .init("index train.safetensors --method exact", 64, "'--output <index>'"),
    .init("index train.safetensors --method exact,datainf --output i", 64, "2 methods"),
    .init(
      "index train.safetensors --method exact --output i --type float64", 64, "--type float64",
      "int8"),
    .init("index train.safetensors --method rescaled --output i", 65, "another method"),
    .init("index train.safetensors --method exact --output train.safetensors", 64, "the source"),
    .init("search train.safetensors", 64, "'--queries <path>'"),
    .init("search train.safetensors --queries query.safetensors --top 0", 64, "--top 0"),
    .init(
      "search train.safetensors --queries query.safetensors", 65, "no index", "influence index"),
    .init(
      "search train.safetensors --queries query.safetensors --candidates 20", 64, "--candidates",
      "--rerank"),
    .init(
      "search train.safetensors --queries query.safetensors --measure 2", 64, "--measure",
      "--rerank"),
    .init(
      "search train.safetensors --queries query.safetensors --rerank train.safetensors --candidates 2",
      64, "--candidates 2", "--top, 10"),
    .init(
      "search train.safetensors --queries query.safetensors --where label", 64, "--where label",
      "key=value"),
    .init(
      "search train.safetensors --queries query.safetensors --where a=1 --where a=2", 64,
      "--where", "twice"),
    .init("\(plan)", 64, "'--method <names>'"),
    .init("\(exact) --output o.json", 64, "o.json", ".npy"),
    .init("\(exact) --output o", 64, "--output o", ".npy"),
    .init("\(exact) --output «»", 64, "--output", ".npy"),
    .init("\(full) --json", 64, "--json", "--damping-sweep"),
    .init("\(exact) --damping-sweep", 64, "--damping-sweep"),
    .init("\(exact) --damping-sweep 0.1", 64, "damping grid '0.1'", "LOW:HIGH:COUNT"),
    .init("\(exact) --damping-sweep 1:0.1:5", 64, "above 1.0"),
    .init("\(exact) --damping-sweep 0:1:5", 64, "not positive"),
    .init("\(exact) --damping-sweep -1:1:5", 64, "not positive"),
    .init("\(exact) --damping-sweep 0.1:1:1", 64, "count of 1"),
    .init("\(exact) --damping-sweep 0.1:1:3 --convention influence", 64, "--convention"),
    .init("\(exact) --damping-sweep 0.1:1:3 --no-certificate", 64, "--no-certificate"),
    .init("\(exact) --damping-sweep 0.1:1:3 --output o.npy", 64, "o.npy", ".csv"),
    .init("\(exact) --damping-sweep 0.1:1:3 --damping 0", 64, "damping 0"),
    .init("\(score) --method cg --damping-sweep 0.1:1:3", 64, "cg", "exact", "datainf"),
    .init("\(score) --method lissa:depth=3 --damping-sweep 0.1:1:3", 64, "lissa", "--damping"),
    .init("\(score) --method datainf --damping-sweep 0.1:1:3 --side query", 64, "side"),
    .init("self --method exact --output o.npy", 64, "--train", "influence self --help"),
    .init("inspect", 64, "path", "influence inspect --help"),
    .init("inspect train.safetensors --damping 0", 64, "damping 0"),
    .init("top scores.npy", 64, "scores.npy", "3 rows", "--query, 0 to 2"),
    .init("tokens", 64, "--model", "influence tokens --help"),
    .init(
      "tokens --model m --adapter a --data d.jsonl --text t --query q", 64, "--train",
      "influence tokens --help"),
    .init("tokens --model m --adapter a --data d.jsonl --train t --query q", 64, "--text"),
    .init(
      "tokens --model none --adapter a --data d.jsonl --text t --train train.safetensors --query none",
      66, "none"),
    .init("top scores.npy --query 3", 64, "--query 3", "scores.npy", "3 rows", "0 to 2"),
    .init("top scores.npy --query -1", 64, "--query -1", "from 0"),
    .init("top scores.npy --query one", 64, "one", "--query"),
    .init("top scores.npy --query 0 --count 0", 64, "--count 0", "from 1 up"),
    .init("top scores.npy --query 0 --count -3", 64, "--count -3"),
    .init("top vector.npy --query 5", 64, "--query 5", "vector.npy", "--query 0"),
    .init("plan", 64, "--method", "influence plan --help"),
    .init("plan --method exact", 64, "--train", "--rows"),
    .init("\(plan) --method nonsense", 64, "nonsense", "datainf"),
    .init("\(plan) --method exact,", 64, "datainf"),
    .init("\(plan) --method «»", 64, "datainf"),
    .init("\(plan) --method lissa:depth=abc,exact", 64, "lissa", "depth"),
    .init("\(plan) --method exact --blocks 7", 64, "--columns 100", "7 equal blocks"),
    .init("\(plan) --method exact --blocks 0", 64, "--blocks 0", "from 1"),
    .init("\(plan) --method exact --memory lots", 64, "lots", "--memory"),
    .init("\(plan) --method exact --memory 1ZiB", 64, "1ZiB", "--memory"),
    .init("\(plan) --method exact --dtype float8", 64, "float8", "--dtype"),
    .init("\(plan) --method exact --damping 0", 64, "damping 0"),
    .init("\(plan) --method exact --query query.safetensors", 64, "--query", "--queries"),
    .init("\(plan) --method exact --train train.safetensors", 64, "--columns", "--train"),
    .init("plan --rows 0 --columns 9 --queries 1 --method exact", 64, "--rows 0", "from 1"),
    .init("plan --rows -3 --columns 9 --queries 1 --method exact", 64, "--rows -3"),
    .init("plan --rows 5e9 --columns 9 --queries 1 --method exact", 64, "5e9", "--rows"),
    .init("plan --rows 5 --columns 0 --queries 1 --method exact", 64, "--columns 0"),
    .init("plan --rows 5 --columns 9 --queries 0 --method exact", 64, "--queries 0"),
    .init("plan --rows 5 --queries 1 --method exact", 64, "--rows", "--columns"),
    .init("plan --rows 5 --columns 9 --method exact", 64, "--query", "--queries"),
    .init("plan --train train.safetensors --method exact", 64, "--query", "--queries"),
    .init(
      "plan --train train.safetensors --queries 1 --blocks 2 --method exact", 64, "--blocks",
      "--rows"),
    .init("compare --train train.safetensors", 64, "--train", "--query"),
    .init("compare --query query.safetensors", 64, "--train", "--query"),
    .init("compare --flipped outside.json", 64, "--flipped", "--train"),
    .init("compare --methods", 64, "--methods"),
    .init("\(compare) --methods nonsense", 64, "nonsense", "datainf"),
    .init("\(compare) --seed 3", 64, "--seed", "--train"),
    .init("compare --seed -1", 64, "-1", "--seed"),
    .init("compare --repeat folder --damping 0.2", 64, "--repeat", "--damping"),
    .init("compare --repeat folder --methods exact --seed 1", 64, "--methods", "--seed"),
  ]

  static let inputs: [BadInvocation] = [
    .init(train("missing"), 66, "missing", "no such file"),
    .init(query("missing.npy"), 66, "missing.npy", "no such file"),
    .init(train("folder"), 65, "folder", "empty"),
    .init(train("cut.json"), 65, "cut.json", "not JSON"),
    .init(train("garbage.safetensors"), 65, "garbage.safetensors", "neither"),
    .init(train("cut.safetensors"), 65, "cut.safetensors", "cut short"),
    .init(train("nothing.npy"), 65, "nothing.npy"),
    .init(train("cut.npy"), 65, "cut.npy", "cut short"),
    .init(train("integers.npy"), 65, "integers.npy", "<i8"),
    .init(train("complex.npy"), 65, "complex.npy", ">c8"),
    .init(train("nan.safetensors"), 65, "nan.safetensors", "block a", "4, 7", "inspect"),
    .init(query("nan.safetensors"), 65, "nan.safetensors", "block a", "4, 7"),
    .init(train("zero.safetensors"), 65, "zero.safetensors", "zero"),
    .init(train("empty.safetensors"), 65, "empty.safetensors", "no rows"),
    .init(query("empty.safetensors"), 65, "empty.safetensors", "no rows"),
    .init(train("none.safetensors"), 65, "none.safetensors", "no tensors"),
    .init(train("ragged.safetensors"), 65, "ragged.safetensors", "\"b\"", "5", "12"),
    .init(train("unfinished"), 65, "unfinished"),
    .init(query("other.safetensors"), 65, "other.safetensors", "block b", "block c"),
    .init(query("turned.safetensors"), 65, "turned.safetensors", "block a", "[3, 4]", "[4, 3]"),
    .init("\(full) --memory 1kB --side score", 65, "block a", "--memory"),
    .init("\(exact) --damping-sweep 0.1:1:3 --memory 1kB", 65, "3 dampings", "--memory"),
    .init("\(full) --damping absolute:1e-60", 65, "block", "scale"),
    .init(
      "\(score) --output o.npy --method block-normalized --precision double --damping absolute:1e-60",
      65, "o.npy", "float32", "damping"),
    .init("self --train missing --method exact --output o.npy", 66, "missing"),
    .init(
      "self --train nan.safetensors --method exact --output o.npy", 65, "nan.safetensors", "4, 7"),
    .init("self --train zero.safetensors --method exact --output o.npy", 65, "zero.safetensors"),
    .init("inspect missing", 66, "missing", "no such file"),
    .init("inspect garbage.npy", 65, "garbage.npy"),
    .init("inspect cut.safetensors", 65, "cut.safetensors"),
    .init("inspect empty.safetensors", 65, "empty.safetensors", "no rows"),
    .init("inspect folder", 65, "folder", "empty"),
    .init("inspect unfinished", 65, "unfinished"),
    .init("inspect nan.safetensors --spectrum", 65, "nan.safetensors", "4, 7"),
    .init("plan --train missing --queries 1 --method exact", 66, "missing", "no such file"),
    .init(
      "plan --train train.safetensors --query missing --method exact", 66, "missing",
      "no such file"),
    .init("plan --train empty.safetensors --queries 1 --method exact", 65, "no rows"),
    .init(
      "plan --train train.safetensors --query empty.safetensors --method exact", 65, "no rows"),
    .init(
      "plan --train train.safetensors --query other.safetensors --method exact", 65, "block b",
      "block c"),
    .init("plan --train cut.safetensors --queries 1 --method exact", 65, "cut short"),
    .init("top missing.npy --query 0", 66, "missing.npy", "no such file"),
    .init("top folder --query 0", 66, "folder", "not a file"),
    .init("top garbage.npy --query 0", 65, "garbage.npy"),
    .init("top cut.npy --query 0", 65, "cut.npy", "cut short"),
    .init("top integers.npy --query 0", 65, "integers.npy", "<i8"),
    .init("top complex.npy --query 0", 65, "complex.npy", ">c8"),
    .init("top cube.npy --query 0", 65, "cube.npy", "3 dimensions"),
    .init("top narrow.npy --query 0", 65, "narrow.npy", "empty"),
    .init("top nanscores.npy --query 1", 65, "nanscores.npy", "row 1", "column 2"),
    .init("top train.safetensors --query 0", 65, "train.safetensors"),
    .init("top scores.npy --query 0 --examples missing.json", 66, "missing.json"),
    .init("top scores.npy --query 0 --examples two.json", 65, "two.json", "2 examples", "12"),
    .init("top scores.npy --query 0 --examples unrelated.json", 65, "unrelated.json", "texts"),
    .init("top scores.npy --query 0 --examples numbers.json", 65, "numbers.json", "example 0"),
    .init("top scores.npy --query 0 --examples cut.json", 65, "cut.json", "byte"),
    .init("top scores.npy --query 0 --examples cut.jsonl", 65, "cut.jsonl", "byte"),
    .init("\(compare) --flipped missing.json", 66, "missing.json"),
    .init("\(compare) --flipped outside.json", 65, "outside.json", "row 99", "12 training rows"),
    .init("\(compare) --flipped negative.json", 65, "negative.json", "-1"),
    .init("\(compare) --flipped words.json", 65, "words.json", "flipped"),
    .init("\(compare) --flipped fractions.json", 65, "fractions.json", "flipped"),
    .init("\(compare) --flipped unrelated.json", 65, "unrelated.json", "flipped"),
    .init("\(compare) --flipped cut.json", 65, "cut.json", "byte"),
    .init("\(compare) --flipped noneflipped.json", 65, "noneflipped.json", "no row", "--flipped"),
    .init("\(compare) --flipped allflipped.json", 65, "allflipped.json", "all 12 rows"),
    .init("compare --train train.safetensors --query other.safetensors", 65, "block b", "block c"),
    .init("compare --train nan.safetensors --query query.safetensors", 65, "block a", "4, 7"),
    .init("compare --train zero.safetensors --query query.safetensors", 65, "zero.safetensors"),
    .init("compare --repeat missing", 66, "missing/run.json", "influence compare"),
    .init("compare --repeat folder", 66, "folder/run.json"),
    .init("compare --repeat otherrun", 65, "otherrun/run.json", "not the record"),
    .init("compare --repeat brokenrun", 65, "brokenrun/run.json", "seed"),
  ]

  private static let report =
    "report --train train.safetensors --query query.safetensors"

  /// What `report` and `--report` refuse.
  static let reports: [BadInvocation] = [
    .init("report --output o.html", 64, "--train", "folder of a run"),
    .init(report, 64, "--output"),
    .init("\(report) --output o.txt", 64, "o.txt", ".html"),
    .init("\(report) --output absent/o.html", 73, "absent", "does not exist"),
    .init("\(report) --output «»", 64, "empty"),
    .init("\(report) --output o.html --queries 0", 64, "--queries 0"),
    .init("\(report) --output o.html --top 101", 64, "--top 101", "up to 100"),
    .init("\(report) --output o.html --model m", 64, "--adapter and --data"),
    .init("\(report) --output o.html --text t", 64, "--examples or --data"),
    .init("\(report) --output o.html --methods nonsense", 64, "nonsense"),
    .init("\(report) --output o.html --examples two.json", 65, "two.json", "2 examples", "12"),
    .init("\(report) --output o.html --query-examples two.json", 65, "two.json", "2 examples"),
    .init("\(report) --output o.html --flipped outside.json", 65, "outside.json", "row 99"),
    .init("report donerun --output o.html --train train.safetensors", 64, "leave out --train"),
    .init("report folder --output o.html", 66, "folder/run.json", "influence compare"),
    .init("report missing --output o.html", 66, "missing", "influence compare"),
    .init(
      "score --train train.safetensors --query query.safetensors --method exact --output o.npy --report o.html",
      64, "--top"),
    .init(
      "suspects --train train.safetensors --query query.safetensors --report o.csv", 64, "o.csv",
      ".html"),
    .init("\(compare) --report absent/o.html", 73, "absent", "does not exist"),
  ]

  static let outputs: [BadInvocation] = [
    .init("\(exact) --output folder", 64, "folder", ".npy"),
    .init("\(exact) --output folder.npy", 73, "folder.npy", "folder of this name"),
    .init("\(exact) --output absent/o.npy", 73, "absent", "does not exist"),
    .init("\(exact) --output cut.json/o.npy", 73, "cut.json", "not a folder"),
    .init("\(exact) --damping-sweep 0.1:1:3 --output two.csv", 73, "two.csv.json", "not a record"),
    .init("\(exact) --damping-sweep 0.1:1:3 --output absent/o.csv", 73, "does not exist"),
    .init("\(exact) --output two.npy", 73, "two.npy.json", "not a record"),
    .init(
      "score --train single.npy --query single.npy --method exact --output single.npy", 64, "input"),
    .init(
      "score --train arrays --query arrays --method exact --output arrays/o.npy", 64, "arrays",
      "input"),
    .init("self --train single.npy --method exact --output ./folder/../single.npy", 64, "input"),
    .init("self --train train.safetensors --method exact --output absent/o.npy", 73, "absent"),
    .init(
      "compare --train train.safetensors --query query.safetensors --output cut.json", 73,
      "cut.json", "not a folder"),
    .init(
      "compare --train train.safetensors --query query.safetensors --output cut.json/run", 73,
      "cut.json", "not a folder"),
    .init(
      "compare --train train.safetensors --query query.safetensors --output donerun", 73, "donerun",
      "--repeat"),
  ]
}

@Suite("Bad invocations")
struct BadInvocationTests {
  let place: Workplace

  init() throws {
    place = try Workplace()
    try SmallFiles.write(in: place)
    try place.makeFolder("folder.npy")
    try place.writeArray(SmallFiles.first, to: "single.npy")
    for record in ["two.npy.json", "two.csv.json"] { try place.write("[]", to: record) }
    try place.makeFolder("arrays")
    try place.writeArray(SmallFiles.first, to: "arrays/a.npy")
    try place.write("{\"format\": \"something-else\"}", to: "otherrun/run.json")
    try place.write(
      "{\"format\": \"influencekit-comparison\", \"settings\": {}}", to: "brokenrun/run.json")
    try place.write("{}", to: "donerun/run.json")
  }

  /// Every path in a folder.
  private static func contents(of url: URL) throws -> [String] {
    try FileManager.default.subpathsOfDirectory(atPath: url.path).sorted()
  }

  private func check(_ invocation: BadInvocation) throws {
    let before = try Self.contents(of: place.url)
    let outcome = try place.run(invocation.words)
    #expect(outcome.status == invocation.status, "\(outcome)")
    #expect(outcome.output.isEmpty, "nothing on standard output")
    let message = try #require(outcome.onlyError, "one error line: \(outcome.errors)")
    for piece in invocation.pieces {
      #expect(message.contains(piece), "'\(piece)' is not in: \(message)")
    }
    #expect(message.unicodeScalars.allSatisfy { $0.value >= 32 && $0.value != 127 })
    #expect(try Self.contents(of: place.url) == before, "nothing is left behind")
  }

  @Test("The command line is wrong", arguments: BadInvocation.usage)
  func usage(_ invocation: BadInvocation) throws { try check(invocation) }

  @Test("An input is missing or wrong", arguments: BadInvocation.inputs)
  func inputs(_ invocation: BadInvocation) throws { try check(invocation) }

  @Test("A page cannot be made", arguments: BadInvocation.reports)
  func reports(_ invocation: BadInvocation) throws { try check(invocation) }

  @Test("An output cannot be written", arguments: BadInvocation.outputs)
  func outputs(_ invocation: BadInvocation) throws { try check(invocation) }

  @Test("A pipe or device keeps its place")
  func pipe() throws {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
    process.arguments = ["mkfifo", place.file("pipe.npy").path]
    try process.run()
    process.waitUntilExit()
    try #require(place.has("pipe.npy"))
    try check(
      .init(
        "self --train train.safetensors --method exact --output pipe.npy", 73, "pipe.npy",
        "device or pipe"))
    let attributes = try FileManager.default.attributesOfItem(atPath: place.file("pipe.npy").path)
    #expect(attributes[.type] as? FileAttributeType != .typeRegular)
  }
}
