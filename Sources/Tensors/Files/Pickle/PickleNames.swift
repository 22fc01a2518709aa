/// The contents of a pickle, with their names.
struct PickleContents {
    /// In the order of the pickle; the names of nested values are joined by dots.
    var tensors: [(name: String, tensor: PickleGraph.StoredTensor)] = []
    /// Tensors that cannot be read, with the reason.
    var unreadable: [(name: String, reason: String)] = []
    /// Strings, numbers and booleans that are reached through dictionaries only.
    var metadata: [String: String] = [:]
}

extension PickleGraph {
    /// Names every tensor by the path to it.
    ///
    /// Dictionaries contribute their keys (strings and integers), lists and tuples the position. A graph with shared
    /// parts can have far more paths than nodes, even endless ones, so the work and the total length of all names are
    /// limited in proportion to the pickle's size.
    func contents(of file: RandomAccessFile) throws(TensorFileError) -> PickleContents {
        var walk = NameWalk(graph: self, file: file)
        try walk.visit(root, name: "", depth: 0, inDictionary: true)
        return walk.contents
    }
}

private struct NameWalk {
    let graph: PickleGraph
    let file: RandomAccessFile
    var contents = PickleContents()
    private var visits = 0
    /// Bytes left for the names of tensors, and for metadata.
    private var budget: Int
    private var metadataBudget: Int

    init(graph: PickleGraph, file: RandomAccessFile) {
        self.graph = graph
        self.file = file
        budget = 4 * graph.byteCount + (1 << 16)
        metadataBudget = budget
    }

    mutating func visit(
        _ index: PickleGraph.Index, name: String, depth: Int, inDictionary: Bool
    ) throws(TensorFileError) {
        visits += 1
        guard visits <= 4 * graph.byteCount + 256 else {
            throw file.damaged("its pickle shares its parts so often that they cannot all be named")
        }
        guard depth <= 64 else {
            throw file.damaged("its pickle is nested more than 64 deep, or contains itself")
        }
        switch graph.nodes[Int(index)] {
        case .tensor(let tensor):
            let name = name.isEmpty ? "tensor" : name
            try pay(for: name)
            contents.tensors.append((name, graph.tensors[Int(tensor)]))
        case .unreadableTensor(let reason):
            let name = name.isEmpty ? "tensor" : name
            try pay(for: name)
            contents.unreadable.append((name, reason.rawValue))
        case .list(let list):
            try visit(graph.lists[Int(list)][...], name, depth)
        case .tuple:
            try visit(graph.tuple(index) ?? [], name, depth)
        case .dictionary(let list):
            let members = graph.lists[Int(list)]
            for key in stride(from: 0, to: members.count, by: 2) {
                try visit(members[key + 1], of: members[key], name, depth, inDictionary)
            }
        case .pairs(let list):
            for member in graph.lists[Int(list)] {
                guard let (key, value) = graph.pair(member) else { continue }
                try visit(value, of: key, name, depth, inDictionary)
            }
        case .namespace(let attributes?):
            try visit(attributes, name: name, depth: depth + 1, inDictionary: inDictionary)
        case .string(let value) where inDictionary: note(name, value)
        case .int(let value) where inDictionary: note(name, String(value))
        case .float(let value) where inDictionary: note(name, String(value))
        case .bool(let value) where inDictionary: note(name, String(value))
        default: break
        }
    }

    /// Visits the value of a key; a key that is neither a string nor an integer is skipped with its value.
    private mutating func visit(
        _ value: PickleGraph.Index, of key: PickleGraph.Index, _ name: String, _ depth: Int,
        _ inDictionary: Bool
    ) throws(TensorFileError) {
        guard let key = graph.string(key) ?? graph.int(key).map(String.init) else { return }
        try visit(
            value, name: try join(name, key), depth: depth + 1, inDictionary: inDictionary)
    }

    private mutating func visit(
        _ members: ArraySlice<PickleGraph.Index>, _ name: String, _ depth: Int
    ) throws(TensorFileError) {
        for (position, member) in members.enumerated() {
            try visit(
                member, name: try join(name, String(position)), depth: depth + 1,
                inDictionary: false)
        }
    }

    private func join(_ name: String, _ key: String) throws(TensorFileError) -> String {
        guard name.utf8.count + key.utf8.count <= 1000 else {
            throw file.damaged("the name \(shown(name.isEmpty ? key : name)) is too long")
        }
        return name.isEmpty ? key : "\(name).\(key)"
    }

    /// Stores a short text as metadata. Nothing depends on it, so whatever exceeds the budget is dropped.
    private mutating func note(_ name: String, _ value: String) {
        let cost = name.utf8.count + value.utf8.count + 32
        guard value.utf8.count <= 1000, cost <= metadataBudget else { return }
        metadataBudget -= cost
        contents.metadata[name] = value
    }

    private mutating func pay(for name: String) throws(TensorFileError) {
        budget -= name.utf8.count + 32
        guard budget >= 0 else {
            throw file.damaged("its pickle shares its parts so often that they cannot all be named")
        }
    }
}
