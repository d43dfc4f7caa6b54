import ArgumentParser
import Foundation
import InfluenceKit
import LinearAlgebra

/// The command line, which parses, calls the library and prints.
@main
struct InfluenceCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "influence",
    abstract: "Which training examples made the model do that?",
    discussion: """
      Answers from per-example gradients: compute them once, ask any number of questions.

      EXAMPLES
        influence compare                 every method against exact, on digits
        influence gradients --output grads   train a model, write gradients
        influence finetune --model minilm --data train.jsonl --text sentence \\
            --label label --output adapter   train an adapter of a language model
        influence inspect grads/train     what a store holds; is it healthy?
        influence verify grads/train      are its bytes those that were written?
        influence import train.safetensors grads/train
        influence merge grads/train grads/rank-0 grads/rank-1
        influence split grads/train grads/shards --shards 8
        influence project grads/train small/train --kind sjlt --dimension 512
        influence score --train grads/train --query grads/query \\
            --method datainf --output scores.npy
        influence top scores.npy --query 3
        influence tokens --model minilm --adapter adapter --data train.jsonl \\
            --text sentence --label label --train grads/train \\
            --query grads/query --query-row 3   through which words?
        influence fit --train grads/train --method exact --output fits/train
        influence score --fit fits/train --query grads/query \\
            --method exact --output scores.npy
        influence index grads/train --method exact --type int8 \\
            --output index                keep what later queries take
        influence search index --queries grads/query --top 10
        influence plan --rows 30000 --columns 100000 --blocks 25 \\
            --queries 64 --method exact,datainf
        influence self --train grads/train --method exact --output self.npy
        influence subset --train grads/train --query grads/query \\
            --query-row 3 --size 10       the set that helped it the most
        influence suspects --train grads/train --query grads/query
        influence report --train grads/train --query grads/query \\
            --output report.html          all of it on one page
        influence outliers --train grads/train --last-layer --output o.npy
        influence methods datainf         what a method says of itself
        influence disagree --features pool.npy --weights head.npy \\
            --select 20 --output l.npy    what to label next

      Gradients come as a store directory (info.json + gradients.bin), a .safetensors file with one \
      tensor per block and the example first, a .npy file, or a directory of .npy files.

      METHODS
      \(MethodHelp.methods)

      METHODS ON REPRESENTATIONS (score, self, compare)
      \(MethodHelp.representationMethods)

      EXIT CODES
        0   done
        64  the command line is wrong
        65  the data are wrong
        66  an input is missing
        70  internal error
        71  the shell allows too little memory (ulimit -v)
        73  an output cannot be made
        74  an output cannot be written
        75  another run writes there; try again later
        130 stopped by ctrl-C (SIGINT), after cleaning up
        143 stopped by SIGTERM, after cleaning up
      """,
    version: InfluenceKitVersion.current,
    subcommands: [
      CompareCommand.self, ScoreCommand.self, SweepCommand.self, SelfCommand.self,
      InspectCommand.self, TopCommand.self, TokensCommand.self, PlanCommand.self,
      VerifyCommand.self, ImportCommand.self, ConvertCommand.self, MergeCommand.self,
      FitCommand.self, IndexCommand.self, SearchCommand.self, SplitCommand.self,
      GradientsCommand.self,
      FinetuneCommand.self,
      GroupCommand.self, SubsetCommand.self, SuspectsCommand.self, ReportCommand.self,
      OutliersCommand.self,
      DisagreeCommand.self,
      ProjectCommand.self, MethodsCommand.self, ExperimentCommand.self,
    ]
  )

  static func main() {
    Parallelism.endIdleThreads()
    FreedMemory.keep(bytes: 32 << 20)
    let interruption = Interruption()
    withExtendedLifetime(interruption) {
      do {
        var command = try parseAsRoot()
        if let threads = try (command as? any ThreadedCommand)?.threadCount() {
          Parallelism.threads = threads
        }
        if command is any ThreadedCommand || command is GradientsCommand {
          try AddressSpace.requireRoom()
        }
        try command.run()
        try Console.flushOutput()
        Interruption.finish()
      } catch {
        end(with: error)
      }
    }
  }
}
