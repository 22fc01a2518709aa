/// What a pickle describes.
///
/// Values refer to each other by their index in `nodes`, not by reference: a pickle may share
/// values and close circles at will, and such a graph is still freed at once and without recursion.
struct PickleGraph {
    typealias Index = Int32

    enum Node {
        case none
        case bool(Bool)
        case int(Int)
        case float(Double)
        case string(String)
        /// A run of `children`.
        case tuple(start: Int32, count: Int32)
        /// An index into `lists`.
        case list(Index)
        /// An index into `lists`, where keys and values stand in turn.
        case dictionary(Index)
        /// An object whose attributes are in a dictionary, once `BUILD` has given it one.
        case namespace(attributes: Index?)
        case global(PickleGlobal)
        /// An index into `storages`.
        case storage(Index)
        /// An index into `tensors`.
        case tensor(Index)
        /// A value of no use here, whatever it may be in Python: bytes, a set, a device.
        case opaque
    }

    /// A storage as a persistent identifier describes it. Nothing in it has been checked.
    struct Storage {
        var key: String
        var elementType: ElementType
        /// Elements of the whole storage.
        var count: Int
        /// The part of it that is meant, in elements; legacy files alone have such parts.
        var part: Range<Int>?
    }

    /// A tensor as its constructor's arguments describe it. Nothing in it has been checked.
    struct StoredTensor {
        var storage: Index
        var offset: Int
        /// Tuples of integers.
        var sizes: Index
        var strides: Index
    }

    var nodes: [Node] = []
    var children: [Index] = []
    /// The members of what grows, apart from `nodes`, so that they grow in place.
    var lists: [[Index]] = []
    var storages: [Storage] = []
    var tensors: [StoredTensor] = []
    var root: Index = 0
    /// Bytes of the pickle, which every limit on what is made of it is measured by.
    var byteCount = 0

    func string(_ index: Index) -> String? {
        if case .string(let string) = nodes[Int(index)] { return string }
        return nil
    }

    func int(_ index: Index) -> Int? {
        if case .int(let int) = nodes[Int(index)] { return int }
        return nil
    }

    func tuple(_ index: Index) -> ArraySlice<Index>? {
        if case .tuple(let start, let count) = nodes[Int(index)] {
            return children[Int(start)..<Int(start + count)]
        }
        return nil
    }

    func list(_ index: Index) -> [Index]? {
        if case .list(let list) = nodes[Int(index)] { return lists[Int(list)] }
        return nil
    }

    /// The members of a tuple of at most eight integers.
    func extents(_ index: Index) -> [Int]? {
        guard let members = tuple(index), members.count <= 8 else { return nil }
        let extents = members.compactMap { int($0) }
        return extents.count == members.count ? extents : nil
    }
}

/// The classes and functions that a pickle may name. They stand for what is done here with their
/// arguments; nothing is ever looked up or called.
enum PickleGlobal {
    case orderedDictionary
    case namespace
    case rebuildTensor
    case rebuildParameter
    case size
    case storage(ElementType)
    /// What becomes `PickleGraph.Node.opaque`.
    case opaque

    init?(module: String, name: String) {
        switch (module, name) {
        case ("collections", "OrderedDict"): self = .orderedDictionary
        case ("argparse", "Namespace"): self = .namespace
        case ("torch._utils", "_rebuild_tensor"), ("torch._utils", "_rebuild_tensor_v2"):
            self = .rebuildTensor
        case ("torch._utils", "_rebuild_parameter"): self = .rebuildParameter
        case ("torch", "Size"): self = .size
        case ("torch", _), ("torch.cuda", _):
            if let type = PickleGlobal.storages[name] {
                self = .storage(type)
            } else if PickleGlobal.types.contains(name) {
                self = .opaque
            } else {
                return nil
            }
        // Learning rates are numpy scalars in DINO's optimizer state, and its launcher puts a path
        // into the arguments.
        case ("numpy.core.multiarray", "scalar"), ("numpy._core.multiarray", "scalar"),
            ("numpy.core.multiarray", "_reconstruct"), ("numpy._core.multiarray", "_reconstruct"),
            ("numpy", "dtype"), ("numpy", "ndarray"), ("_codecs", "encode"),
            ("pathlib", "PosixPath"), ("pathlib", "WindowsPath"), ("pathlib._local", "PosixPath"),
            ("pathlib._local", "WindowsPath"), ("builtins", "set"), ("__builtin__", "set"):
            self = .opaque
        default: return nil
        }
    }

    private static let storages: [String: ElementType] = [
        "DoubleStorage": .float64, "FloatStorage": .float32, "HalfStorage": .float16,
        "BFloat16Storage": .bfloat16, "LongStorage": .int64, "IntStorage": .int32,
        "ShortStorage": .int16, "CharStorage": .int8, "ByteStorage": .uint8, "BoolStorage": .bool,
    ]

    private static let types: Set<String> = [
        "device", "float64", "float32", "float16", "bfloat16", "int64", "int32", "int16", "int8",
        "uint8", "bool",
    ]
}
