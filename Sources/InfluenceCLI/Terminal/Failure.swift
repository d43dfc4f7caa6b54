/// What went wrong outside of the library, with the text for the user.
enum Failure: Error {
  /// EX_USAGE: the command line is wrong in a way that the parser cannot see.
  case usage(String)
  /// EX_DATAERR: the data are wrong.
  case data(String)
  /// EX_NOINPUT: an input is missing.
  case noInput(String)
  /// EX_OSERR: the system does not give what is needed.
  case noMemory(String)
  /// EX_CANTCREAT: an output cannot be made.
  case cannotCreate(String)
}
