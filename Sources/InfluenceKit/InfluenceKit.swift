// The umbrella of the library: one import for everything below the experiments and the command.

@_exported public import Data
@_exported public import Evaluation
@_exported public import Gradients
@_exported public import Influence
@_exported public import LinearAlgebra
@_exported public import Models
@_exported public import TensorFiles
@_exported public import Transformers
