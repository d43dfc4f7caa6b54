internal import CKernels

/// What the C library does with memory that is freed.
package enum FreedMemory {
  /// Keeps so many bytes for what is allocated next, for the rest of the process.
  ///
  /// Work on a block needs a few matrices of some megabytes. Where they are given back and asked for again, the system clears
  /// them page by page: a twentieth of a run with 64 queries. Does nothing where the C library has no such setting.
  package static func keep(bytes: Int) {
    influence_keep_freed_memory(CInt(clamping: bytes))
  }

  /// Gives all that is freed back to the system, so that what is allocated next is seen as growth of the process.
  ///
  /// Does nothing where the C library cannot.
  package static func giveBack() {
    influence_give_back_freed_memory()
  }
}
