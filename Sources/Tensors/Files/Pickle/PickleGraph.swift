import Platform

/// The values in a pickle.
///
/// Values refer to each other by their index in `nodes`: a pickle may share values and form cycles, and yet the graph
/// is freed at once and without recursion.
struct PickleGraph {
    typealias Index = Int32

    enum Node {
        case none
        case bool(Bool)
        case int(Int)
        case float(Double)
        case string(String)
        /// A range of `children`.
        case tuple(start: Int32, count: Int32)
        /// An index into `lists`.
        case list(Index)
        /// An index into `lists`, where keys and values alternate.
        case dictionary(Index)
        /// A dictionary made from a list of key-value pairs, stored unchanged: an index into `lists`, whose members are
        /// lists or tuples of two.
        case pairs(Index)
        /// An object; its attributes are a dictionary, present once `BUILD` has set it.
        case namespace(attributes: Index?)
        /// An index into `globals`.
        case global(Index)
        /// An index into `storages`.
        case storage(Index)
        /// An index into `tensors`.
        case tensor(Index)
        case unreadableTensor(UnreadableTensor)
        /// A tensor to be filled by `BUILD`.
        case blankTensor
        /// A value that is not used here, whatever its Python type: bytes, a set, a device.
        case opaque
    }

    /// A storage as described by a persistent identifier; unchecked.
    struct Storage {
        var key: String
        /// Its element type: an index into `globals`.
        var type: Index
        /// The number of elements of the whole storage.
        var count: Int
        /// The part referred to, in elements; only legacy files have parts.
        var part: Range<Int>?
    }

    /// A tensor as described by the arguments of its constructor; unchecked.
    struct StoredTensor {
        var storage: Index
        var offset: Int
        /// Sizes and strides are indices of tuples of integers.
        var sizes: Index
        var strides: Index
        /// The element type where the storage is untyped: an index into `globals`.
        var type: Index?
    }

    var nodes: [Node] = []
    var children: [Index] = []
    /// The members of lists and dictionaries, kept apart from `nodes` so that they grow in place.
    var lists: [[Index]] = []
    var globals: [PickleGlobal] = []
    var storages: [Storage] = []
    var tensors: [StoredTensor] = []
    var root: Index = 0
    /// The size of the pickle; the limits on what is made from it are proportional to it.
    var byteCount = 0

    func global(_ index: Index) -> PickleGlobal? {
        if case .global(let global) = nodes[Int(index)] { return globals[Int(global)] }
        return nil
    }

    func type(of storage: Storage) -> PickledType { type(storage.type) }

    func type(of tensor: StoredTensor) -> PickledType {
        type(tensor.type ?? storages[Int(tensor.storage)].type)
    }

    private func type(_ global: Index) -> PickledType {
        switch globals[Int(global)] {
        case .storage(let type), .dtype(let type): type
        default: fail("PickleGraph: global \(global) is not an element type")
        }
    }

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

    /// The members of a list or tuple of two elements.
    func pair(_ index: Index) -> (Index, Index)? {
        guard let members = tuple(index) ?? list(index)?[...], members.count == 2 else {
            return nil
        }
        return (members[members.startIndex], members[members.startIndex + 1])
    }

    /// The members of a tuple of at most eight integers.
    func extents(_ index: Index) -> [Int]? {
        guard let members = tuple(index), members.count <= 8 else { return nil }
        let extents = members.compactMap { int($0) }
        return extents.count == members.count ? extents : nil
    }
}
