import Foundation

/// Rewords what the library says for people at a command line, with the option that does it.
///
/// The library says what is wrong and what is possible, and knows of no options. Each entry is a phrase
/// of the library, and what this program says in its place.
enum Advice {
  /// A warning or an error of the library with the options of this program.
  static func withOptions(_ message: String) -> String {
    replacements.reduce(message) { text, replacement in
      // Most messages hold none of the phrases, and Foundation copies a text to look for one: the help of every
      // command goes through here whenever any command starts.
      holds(text, replacement.key)
        ? text.replacingOccurrences(of: replacement.key, with: replacement.value) : text
    }
  }

  /// Whether a text holds a phrase, byte by byte.
  private static func holds(_ text: String, _ phrase: String) -> Bool {
    let (text, phrase) = (Array(text.utf8), Array(phrase.utf8))
    guard let first = phrase.first, text.count >= phrase.count else { return phrase.isEmpty }
    return (0...text.count - phrase.count).contains { start in
      text[start] == first && text[start..<start + phrase.count].elementsEqual(phrase)
    }
  }

  private static let replacements: KeyValuePairs = [
    "give a larger memory budget, or keep the fit in files":
      "raise --memory, or keep them with `influence fit`",
    "score with it as a method on representations, or choose a method on gradients":
      "use it with `influence score`, `self` or `compare` on one store, or choose a method on gradients",
    "(the health of the store lists them all)": "(`influence inspect` lists them all)",
    "give a larger memory budget, or choose pcg": "raise --memory, or choose pcg",
    "allowed; give a larger memory budget, or score without certificates":
      "allowed; raise --memory, or give --no-certificate",
    "allowed; give a larger memory budget": "allowed; raise --memory",
    "or score with each damping by itself": "or score each --damping by itself",
    "take fewer dampings, the mean of the queries, or a larger memory budget":
      "take fewer dampings, --aggregate mean, or raise --memory",
    "and no index; write an index of it first":
      "and no index; write one with `influence index`",
    "import the gradients with what is known of their examples, and write the index again":
      "bring it with `influence import --examples`, and write the index again",
    "give the folder of a kept fit": "give a folder that `influence fit` wrote",
    "run the same fit again, which": "run the same `influence fit` again, which",
    "the fit holds nothing for certificates; score without them, or fit again":
      "it was fitted with --no-certificate (it holds nothing for certificates), which --certificate does not go with; leave the option out, or fit again",
    "store the model's Kronecker factors there, or choose shampoo":
      "write one with `influence gradients --factors`, or choose shampoo",
    "store the factors of every block, and score by tensor":
      "write them with `influence gradients --factors`, and score by tensor",
    "take their sum, or choose a method that divides nothing":
      "leave out --combine, or choose a method that divides nothing",
    "fine-tune the adapter again and take its gradients, or give the optimizer to the exporter":
      "fine-tune with `influence finetune` and take the gradients with `influence gradients`, or give the exporter optimizer=",
    "store the Hessian or the Gauss–Newton matrix of the model there":
      "write one with `influence gradients --hessian`",
    "store that matrix there": "write it with `influence gradients --hessian`",
    "project them so first, or choose exact":
      "make them with `influence project --kind logra`, or choose exact",
    "store them beside the gradients of the margin, or say where they are with trak:probabilities=FILE.npy":
      "`influence gradients --margins` writes them, and trak:probabilities=FILE.npy says where they are",
    "store the representations of the same examples there":
      "`influence gradients --representations` writes it",
    "store one with the representations of the training examples":
      "`influence gradients --representations` writes it beside train",
    "fit it further, or store one that is":
      "fit it further, or write it with `influence gradients --representations`",
    "its layout lists its blocks": "`influence inspect` lists its blocks",
    "or group blocks by layer or all together": "or group blocks (--blocks layer or all)",
    "look for the rows they come from in the health of the store":
      "look for the rows they come from with `influence inspect`",
    "exact on gradients projected from both sides":
      "exact on gradients projected by influence project --kind logra",
    "give a penalty such as 1e-3": "give --penalty 1e-3",
    "choose a wider type, scale the losses, or allow the loss":
      "choose a wider --dtype, scale the losses, or give --allow-loss",
    "leave the bias out of the blocks": "choose blocks with --select-blocks",
    "or choose the blocks that have some": "or choose blocks with --select-blocks, --strip-prefix",
    "and keep these factors beside it": "and this folder to `influence import --factors`",
    "sum each example's tokens first": "sum each example's with `influence import --sum-tokens`",
    "take that part away from the names of": "see `influence import --strip-part` for those of",
    "take both away from the names of":
      "see `influence import --strip-prefix` and `--strip-part` for those of",
    "take that away from the names of": "see `influence import --strip-prefix` for those of",
    "an override: ": "--set: ",
    "in the file, or by the override ": "in the file, or --set ",
    "a list of methods with their settings": "a list of methods, as --method takes them",
    "the description of an experiment says what a file looks like":
      "see `influence experiment describe` for what a file looks like",
    "there is a run already; go on with it":
      "there is a run already; add --resume to go on with it",
    "choose another folder for the run": "choose another --output",
    "and go on with the run to compute it again": "and add --resume to compute it again",
    "lower the learning rate, clip gradients to a smaller norm, or look for odd texts":
      "lower --learning-rate, clip gradients to a smaller norm with --clip, or look for odd texts",
    "allow longer texts, or leave these rows out": "raise --max-length, or leave these rows out",
    "special tokens; allow more": "special tokens; raise --max-length",
    "tokens; choose one from 1 up to the model's":
      "tokens; choose a --max-length from 1 up to the model's",
    "combine them by normalized-mean or vote, or leave it out":
      "give --aggregate normalized-mean or vote, or leave it out",
    "give a larger memory budget, or combine queries by":
      "raise --memory, or --aggregate by",
    "give a larger memory budget, or take the mean": "raise --memory, or give --aggregate mean",
    "allow more memory, or cut texts shorter":
      "raise --memory, or cut texts shorter with --max-length",
    "leave texts without an end": "leave texts without an end with --no-end",
    "give smaller ranks or fewer targets": "give a smaller --rank or fewer --targets",
  ]
}
