/// Values made from the classes, functions and persistent identifiers in a pickle.
extension Unpickler {
    mutating func pushGlobal(module: String, name: String) throws(TensorFileError) {
        guard let global = PickleGlobal(module: module, name: name) else {
            throw .refusedGlobal(path: file.path, name: shown("\(module).\(name)"))
        }
        push(.global(Index(graph.globals.count)))
        graph.globals.append(global)
    }

    /// Pushes what a known class or function returns for its arguments.
    mutating func construct(_ callee: Index, _ arguments: Index) throws(TensorFileError) {
        guard let global = graph.global(callee), let arguments = graph.tuple(arguments)
        else { throw damaged("calls something that is not a function") }
        switch global {
        case .dictionary: pushDictionary(of: arguments.first)
        case .namespace: push(.namespace(attributes: nil))
        case .opaque: push(.opaque)
        case .size:
            guard let first = arguments.first, graph.tuple(first) != nil else {
                throw damaged("passes torch.Size something other than a tuple")
            }
            push(graph.nodes[Int(first)])
        case .tensorClass: push(.blankTensor)
        case .rebuildTensor, .rebuildTypedTensor, .rebuildParameter, .unreadableTensor:
            push(try tensor(by: global, arguments))
        case .rebuildFromType:
            // (function, class, arguments, attributes); the function cannot itself be of this kind, so there is no
            // recursion.
            guard let function = arguments.first, arguments.count == 4,
                let inner = graph.global(function),
                let innerArguments = graph.tuple(arguments[arguments.startIndex + 2])
            else { throw damaged("builds a tensor with attributes in an unknown way") }
            push(try tensor(by: inner, innerArguments))
        case .storage, .dtype: throw damaged("calls an element type")
        }
    }

    /// Pushes a dictionary that starts with the argument's members, which are shared, not copied.
    private mutating func pushDictionary(of argument: Index?) {
        switch argument.map({ graph.nodes[Int($0)] }) {
        case .dictionary(let list)?: push(.dictionary(list))
        case .list(let list)?: push(.pairs(list))
        default: pushDictionary()
        }
    }

    /// The tensor that one of the tensor functions returns.
    private mutating func tensor(
        by function: PickleGlobal, _ arguments: ArraySlice<Index>
    ) throws(TensorFileError) -> PickleGraph.Node {
        switch function {
        case .rebuildTensor:
            return try tensor(Array(arguments.prefix(7)), type: nil, metadataAt: 6)
        case .rebuildTypedTensor:
            let arguments = Array(arguments.prefix(8))
            guard arguments.count >= 7, case .global(let type) = graph.nodes[Int(arguments[6])],
                case .dtype = graph.globals[Int(type)]
            else { throw damaged("builds a tensor of an unknown type") }
            return try tensor(arguments, type: type, metadataAt: 7)
        case .rebuildParameter:
            guard let first = arguments.first else { return .blankTensor }
            switch graph.nodes[Int(first)] {
            case .tensor, .unreadableTensor: return graph.nodes[Int(first)]
            default: throw damaged("builds a parameter from something that is not a tensor")
            }
        case .unreadableTensor(let reason): return .unreadableTensor(reason)
        default: throw damaged("builds a tensor with attributes in an unknown way")
        }
    }

    /// `(storage, storage_offset, size, stride, requires_grad, backward_hooks, …)`
    private mutating func tensor(
        _ arguments: [Index], type: Index?, metadataAt metadata: Int
    ) throws(TensorFileError) -> PickleGraph.Node {
        guard arguments.count >= 4, case .storage(let storage) = graph.nodes[Int(arguments[0])],
            let offset = graph.int(arguments[1]), graph.tuple(arguments[2]) != nil,
            graph.tuple(arguments[3]) != nil
        else { throw damaged("builds a tensor from arguments that torch.save never writes") }
        if arguments.count > metadata, isNegated(arguments[metadata]) {
            return .unreadableTensor(.negated)
        }
        graph.tensors.append(
            .init(
                storage: storage, offset: offset, sizes: arguments[2], strides: arguments[3],
                type: type))
        return .tensor(Index(graph.tensors.count - 1))
    }

    /// Whether the metadata of a tensor has `neg` set: its values are then the stored ones times -1.
    private func isNegated(_ metadata: Index) -> Bool {
        guard case .dictionary(let list) = graph.nodes[Int(metadata)] else { return false }
        // Only `conj` and `neg` exist; further entries are ignored, which bounds the cost of a call.
        let members = Array(graph.lists[Int(list)].prefix(8))
        return stride(from: 0, to: members.count, by: 2).contains { key in
            guard case .bool(true) = graph.nodes[Int(members[key + 1])] else { return false }
            return graph.string(members[key]) == "neg"
        }
    }

    /// Applies `BUILD`: sets the attributes of a namespace, or fills a blank tensor from `(storage, offset, size,
    /// stride)` or `(tensor, …)`. Other states are ignored.
    mutating func build(_ object: Int, _ state: Index) throws(TensorFileError) {
        switch graph.nodes[object] {
        case .namespace: graph.nodes[object] = .namespace(attributes: state)
        case .blankTensor:
            guard let state = graph.tuple(state), let first = state.first else {
                throw damaged("fills a tensor with a state that torch.save never writes")
            }
            if case .storage = graph.nodes[Int(first)] {
                graph.nodes[object] = try tensor(by: .rebuildTensor, state)
            } else {
                graph.nodes[object] = try tensor(by: .rebuildParameter, state)
            }
        default: break
        }
    }

    /// Parses a persistent identifier, `("storage", type, key, device, count)`; the legacy form appends None or `(key
    /// of the part, offset, count)`.
    mutating func storage(_ identifier: Index) throws(TensorFileError) -> PickleGraph.Node {
        func wrong() -> TensorFileError {
            damaged("refers to a storage in a way that torch.save never does")
        }
        guard let members = graph.tuple(identifier).map(Array.init), 5...6 ~= members.count,
            graph.string(members[0]) == "storage",
            case .global(let type) = graph.nodes[Int(members[1])],
            case .storage = graph.globals[Int(type)],
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
            .init(key: key, type: type, count: count, part: part))
        return .storage(Index(graph.storages.count - 1))
    }
}
