extension [any Estimator] {
  /// Refuses a damping that is not valid, and a damping of zero for methods that divide by it.
  ///
  /// - Throws: ``InfluenceError/needsDamping(method:)``, or as ``Damping/validate()``.
  func validate(_ damping: Damping) throws(InfluenceError) {
    try damping.validate()
    guard damping == .absolute(0) else { return }
    for estimator in self where !estimator.allowsZeroDamping {
      throw .needsDamping(method: estimator.name)
    }
  }
}
