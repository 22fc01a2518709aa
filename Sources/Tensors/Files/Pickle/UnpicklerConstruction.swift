/// What is made of the classes, functions and persistent identifiers in a pickle.
extension Unpickler {
    mutating func pushGlobal(module: String, name: String) throws(TensorFileError) {
        guard let global = PickleGlobal(module: module, name: name) else {
            throw .refusedGlobal(path: file.path, name: shown("\(module).\(name)"))
        }
        push(.global(Index(graph.globals.count)))
        graph.globals.append(global)
    }

    /// Pushes what a known class or function gives for its arguments.
    mutating func construct(_ callee: Index, _ arguments: Index) throws(TensorFileError) {
        guard let global = graph.global(callee), let arguments = graph.tuple(arguments)
        else { throw damaged("calls what is no function") }
        switch global {
        case .dictionary: pushDictionary(of: arguments.first)
        case .namespace: push(.namespace(attributes: nil))
        case .opaque: push(.opaque)
        case .size:
            guard let first = arguments.first, graph.tuple(first) != nil else {
                throw damaged("gives torch.Size other arguments than a tuple")
            }
            push(graph.nodes[Int(first)])
        case .tensorClass: push(.blankTensor)
        case .rebuildTensor, .rebuildTypedTensor, .rebuildParameter, .unreadableTensor:
            push(try tensor(by: global, arguments))
        case .rebuildFromType:
            // (function, class, arguments, attributes); the function is none of this kind, so that
            // nothing nests.
            guard let function = arguments.first, arguments.count == 4,
                let inner = graph.global(function),
                let innerArguments = graph.tuple(arguments[arguments.startIndex + 2])
            else { throw damaged("makes a tensor with attributes in an unknown way") }
            push(try tensor(by: inner, innerArguments))
        case .storage, .dtype: throw damaged("calls a type of elements")
        }
    }

    /// A dictionary that starts as its argument: nothing is copied, however often it is made.
    private mutating func pushDictionary(of argument: Index?) {
        switch argument.map({ graph.nodes[Int($0)] }) {
        case .dictionary(let list)?: push(.dictionary(list))
        case .list(let list)?: push(.pairs(list))
        default: pushDictionary()
        }
    }

    /// What one of the functions that make tensors gives.
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
            else { throw damaged("makes a tensor of no known type") }
            return try tensor(arguments, type: type, metadataAt: 7)
        case .rebuildParameter:
            guard let first = arguments.first else { return .blankTensor }
            switch graph.nodes[Int(first)] {
            case .tensor, .unreadableTensor: return graph.nodes[Int(first)]
            default: throw damaged("makes a parameter of what is no tensor")
            }
        case .unreadableTensor(let reason): return .unreadableTensor(reason)
        default: throw damaged("makes a tensor with attributes in an unknown way")
        }
    }

    /// `(storage, storage_offset, size, stride, requires_grad, backward_hooks, …)`
    private mutating func tensor(
        _ arguments: [Index], type: Index?, metadataAt metadata: Int
    ) throws(TensorFileError) -> PickleGraph.Node {
        guard arguments.count >= 4, case .storage(let storage) = graph.nodes[Int(arguments[0])],
            let offset = graph.int(arguments[1]), graph.tuple(arguments[2]) != nil,
            graph.tuple(arguments[3]) != nil
        else { throw damaged("makes a tensor of other arguments than torch.save gives it") }
        if arguments.count > metadata, isNegated(arguments[metadata]) {
            return .unreadableTensor(.negated)
        }
        graph.tensors.append(
            .init(
                storage: storage, offset: offset, sizes: arguments[2], strides: arguments[3],
                type: type))
        return .tensor(Index(graph.tensors.count - 1))
    }

    /// Whether the metadata of a tensor has `neg`: its values are then those stored times -1.
    private func isNegated(_ metadata: Index) -> Bool {
        guard case .dictionary(let list) = graph.nodes[Int(metadata)] else { return false }
        // There are `conj` and `neg`; more is not looked at, so that no call costs more than a few.
        let members = Array(graph.lists[Int(list)].prefix(8))
        return stride(from: 0, to: members.count, by: 2).contains { key in
            guard case .bool(true) = graph.nodes[Int(members[key + 1])] else { return false }
            return graph.string(members[key]) == "neg"
        }
    }

    /// Gives an object its state: the attributes of a namespace, or the tensor that a class was to
    /// become, `(storage, offset, size, stride)` or `(tensor, …)`. Other states mean nothing here.
    mutating func build(_ object: Int, _ state: Index) throws(TensorFileError) {
        switch graph.nodes[object] {
        case .namespace: graph.nodes[object] = .namespace(attributes: state)
        case .blankTensor:
            guard let state = graph.tuple(state), let first = state.first else {
                throw damaged("fills a tensor with other than torch.save does")
            }
            if case .storage = graph.nodes[Int(first)] {
                graph.nodes[object] = try tensor(by: .rebuildTensor, state)
            } else {
                graph.nodes[object] = try tensor(by: .rebuildParameter, state)
            }
        default: break
        }
    }

    /// `("storage", type, key, device, count)`, to which the legacy form adds None or
    /// `(key of the part, offset, count)`.
    mutating func storage(_ identifier: Index) throws(TensorFileError) -> PickleGraph.Node {
        func wrong() -> TensorFileError {
            damaged("refers to a storage in another way than torch.save does")
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
