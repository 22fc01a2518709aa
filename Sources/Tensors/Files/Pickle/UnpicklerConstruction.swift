/// What is made of the classes, functions and persistent identifiers in a pickle.
extension Unpickler {
    mutating func pushGlobal(module: String, name: String) throws(TensorFileError) {
        guard let global = PickleGlobal(module: module, name: name) else {
            throw .refusedGlobal(path: file.path, name: shown("\(module).\(name)"))
        }
        push(.global(global))
    }

    /// Pushes what a known class or function gives for its arguments.
    mutating func construct(_ callee: Index, _ arguments: Index) throws(TensorFileError) {
        guard case .global(let global) = graph.nodes[Int(callee)],
            let arguments = graph.tuple(arguments)
        else { throw damaged("calls what is no function") }
        switch global {
        case .orderedDictionary: pushDictionary()
        case .namespace: push(.namespace(attributes: nil))
        case .opaque: push(.opaque)
        case .size:
            guard let first = arguments.first, graph.tuple(first) != nil else {
                throw damaged("gives torch.Size other arguments than a tuple")
            }
            push(graph.nodes[Int(first)])
        case .rebuildParameter:
            guard let first = arguments.first, case .tensor(let tensor) = graph.nodes[Int(first)]
            else { throw damaged("makes a parameter of what is no tensor") }
            push(.tensor(tensor))
        case .rebuildTensor:
            push(try tensor(Array(arguments.prefix(4))))
        case .storage: throw damaged("calls the type of a storage")
        }
    }

    /// `_rebuild_tensor(storage, storage_offset, size, stride)`; what `_v2` adds is for gradients.
    private mutating func tensor(_ arguments: [Index]) throws(TensorFileError) -> PickleGraph.Node {
        guard arguments.count == 4, case .storage(let storage) = graph.nodes[Int(arguments[0])],
            let offset = graph.int(arguments[1]), graph.tuple(arguments[2]) != nil,
            graph.tuple(arguments[3]) != nil
        else { throw damaged("makes a tensor of other arguments than torch.save gives it") }
        graph.tensors.append(
            .init(storage: storage, offset: offset, sizes: arguments[2], strides: arguments[3]))
        return .tensor(Index(graph.tensors.count - 1))
    }

    /// `("storage", type, key, device, count)`, to which the legacy form adds None or
    /// `(key of the part, offset, count)`.
    mutating func storage(_ identifier: Index) throws(TensorFileError) -> PickleGraph.Node {
        func wrong() -> TensorFileError {
            damaged("refers to a storage in another way than torch.save does")
        }
        guard let members = graph.tuple(identifier).map(Array.init), 5...6 ~= members.count,
            graph.string(members[0]) == "storage",
            case .global(.storage(let elementType)) = graph.nodes[Int(members[1])],
            let key = graph.string(members[2]), let count = graph.int(members[4]), count >= 0
        else { throw wrong() }
        var part: Range<Int>?
        if members.count == 6, let view = graph.tuple(members[5]).map(Array.init) {
            guard view.count == 3, let start = graph.int(view[1]), let length = graph.int(view[2]),
                start >= 0, length >= 0, start <= count, length <= count - start
            else { throw wrong() }
            part = start..<(start + length)
        }
        graph.storages.append(
            .init(key: key, elementType: elementType, count: count, part: part))
        return .storage(Index(graph.storages.count - 1))
    }
}
