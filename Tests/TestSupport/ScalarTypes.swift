public import LinearAlgebra

/// The element types that a test runs for: `arguments: scalarTypes`, opened by a generic function.
public let scalarTypes: [any Scalar.Type] = [Float.self, Double.self]
