/// What long work calls now and then, with the stage and the share that is done, from 0 to 1.
public typealias ProgressHandler = @Sendable (_ stage: String, _ fraction: Double) -> Void
