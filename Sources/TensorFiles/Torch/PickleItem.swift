/// A value on the stack of a ``PickleMachine``.
enum PickleItem {
  case none
  case boolean(Bool)
  case integer(Int)
  /// An integer of more than eight bytes.
  case longInteger
  case number(Double)
  case text(String)
  case callable(PickleCallable)
  case storage(TorchStorages.Storage)
  case tensor(TorchTensor)
  /// The place of a container among all.
  case container(Int)
}

/// A container that a pickle makes.
enum PickleContainer {
  case tuple([PickleItem])
  case list([PickleItem])
  /// Keys and values in turn, as they were set.
  case dictionary([PickleItem])
}

/// What a pickle may name: nothing is imported, and these are known by their names alone.
enum PickleCallable: Equatable {
  case orderedDictionary
  case rebuildTensor
  case rebuildParameter
  case size
  case type(TorchStorages.TorchType)

  init?(module: String, name: String) {
    switch (module, name) {
    case ("collections", "OrderedDict"): self = .orderedDictionary
    case ("torch._utils", "_rebuild_tensor_v2"): self = .rebuildTensor
    case ("torch._utils", "_rebuild_parameter"): self = .rebuildParameter
    case ("torch", "Size"): self = .size
    default: return nil
    }
  }
}
