import Platform

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
        /// A dictionary made of a list of keys with their values, which stays as it is: an index into
        /// `lists`, whose members are lists or tuples of two.
        case pairs(Index)
        /// An object whose attributes are in a dictionary, once `BUILD` has given it one.
        case namespace(attributes: Index?)
        /// An index into `globals`.
        case global(Index)
        /// An index into `storages`.
        case storage(Index)
        /// An index into `tensors`.
        case tensor(Index)
        case unreadableTensor(UnreadableTensor)
        /// A tensor that `BUILD` is to fill.
        case blankTensor
        /// A value of no use here, whatever it may be in Python: bytes, a set, a device.
        case opaque
    }

    /// A storage as a persistent identifier describes it. Nothing in it has been checked.
    struct Storage {
        var key: String
        /// What its elements are: an index into `globals`.
        var type: Index
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
        /// What its elements are, where the storage does not tell: an index into `globals`.
        var type: Index?
    }

    var nodes: [Node] = []
    var children: [Index] = []
    /// The members of what grows, apart from `nodes`, so that they grow in place.
    var lists: [[Index]] = []
    var globals: [PickleGlobal] = []
    var storages: [Storage] = []
    var tensors: [StoredTensor] = []
    var root: Index = 0
    /// Bytes of the pickle, which every limit on what is made of it is measured by.
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
        default: fail("PickleGraph: global \(global) is no type of elements")
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

    /// The members of a list or tuple of two.
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
