package import LinearAlgebra

/// The feed-forward part of a layer: down(f(up(x))), or, gated, down(f(gate(x)) · up(x)).
package struct FeedForward<Element: Scalar>: Sendable {
  let gate: LinearMap<Element>?
  let up: LinearMap<Element>
  let down: LinearMap<Element>
  let activation: RowActivation

  /// What backward needs of forward.
  package struct Saved {
    var gate: (values: Matrix<Element>, saved: LinearMap<Element>.Saved)?
    var up: (values: Matrix<Element>, saved: LinearMap<Element>.Saved)
    var down: LinearMap<Element>.Saved
  }

  /// Whether something of it is trained.
  var isTrained: Bool { (gate?.isTrained ?? false) || up.isTrained || down.isTrained }

  /// - Parameter x: tokens × hidden.
  package func forward(_ x: Matrix<Element>, _ pass: LayerPass<Element>) -> (Matrix<Element>, Saved)
  {
    let gate = gate.map { $0.forward(x, pass) }
    let up = up.forward(x, pass)
    let inner = gate.map { $0.0.activated(activation, times: up.0) } ?? up.0.activated(activation)
    let (y, down) = down.forward(inner, pass)
    return (y, Saved(gate: gate.map { ($0.0, $0.1) }, up: (up.0, up.1), down: down))
  }

  /// - Returns: tokens × hidden; nil where it is not needed.
  package func backward(
    _ dy: Matrix<Element>, _ saved: consuming Saved, _ pass: inout LayerPass<Element>,
    needsInput: Bool
  ) -> Matrix<Element>? {
    let needsInner = needsInput || up.isTrained || (gate?.isTrained ?? false)
    guard let dInner = down.backward(dy, saved.down, &pass, needsInput: needsInner) else {
      return nil
    }
    guard let gate, var gateGradient = saved.gate?.values, let gateSaved = saved.gate?.saved else {
      saved.up.values.turnThroughActivation(activation, gradient: dInner)
      return up.backward(saved.up.values, saved.up.saved, &pass, needsInput: needsInput)
    }
    saved.gate = nil
    gateGradient.turnThroughActivation(activation, times: &saved.up.values, gradient: dInner)
    var dx = up.backward(saved.up.values, saved.up.saved, &pass, needsInput: needsInput)
    if let more = gate.backward(gateGradient, gateSaved, &pass, needsInput: needsInput) {
      dx?.add(more, scale: 1)
    }
    return dx
  }
}
