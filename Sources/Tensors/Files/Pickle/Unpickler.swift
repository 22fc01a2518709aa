/// Reads one pickle into a graph of plain values.
///
/// The opcodes are those of protocols 2 to 5 (Python's Lib/pickletools.py), except for the textual ones of protocol 0,
/// which PyTorch never writes, and for those that import or build objects in other ways. Each opcode adds at most one
/// node, so that time and memory stay within a few dozen bytes per byte of the pickle, whatever it contains.
struct Unpickler {
    typealias Index = PickleGraph.Index

    /// The longest pickle accepted, in bytes: a training checkpoint's has 100 to 200 kB.
    static let limit = 1 << 24

    var graph = PickleGraph()
    var reader: ByteReader
    let file: RandomAccessFile
    private var stack: [Index] = []
    private var marks: [Int] = []
    private var memo: [UInt32: Index] = [:]

    private init(_ reader: ByteReader) {
        self.reader = reader
        self.file = reader.file
    }

    /// Reads one pickle and leaves `reader` at the byte after it.
    static func read(_ reader: inout ByteReader) throws(TensorFileError) -> PickleGraph {
        var unpickler = Unpickler(reader)
        try unpickler.run()
        reader = unpickler.reader
        return unpickler.graph
    }

    private mutating func run() throws(TensorFileError) {
        let start = reader.position
        while true {
            let opcode = try reader.byte()
            guard reader.position - start <= Unpickler.limit else {
                throw file.unsupported(
                    "its pickle is longer than \(Unpickler.limit) bytes, too long for weights")
            }
            if opcode == UInt8(ascii: ".") { break }
            try perform(opcode)
        }
        graph.root = try pop()
        graph.byteCount = reader.position - start
    }

    // MARK: The stack

    func damaged(_ reason: String) -> TensorFileError {
        file.damaged("its pickle \(reason) before byte \(reader.position)")
    }

    mutating func push(_ node: PickleGraph.Node) {
        stack.append(Index(graph.nodes.count))
        graph.nodes.append(node)
    }

    private mutating func pop() throws(TensorFileError) -> Index {
        // Values below the innermost mark are out of reach until the mark is popped.
        guard stack.count > marks.last ?? 0, let top = stack.popLast() else {
            throw damaged("pops from an empty stack")
        }
        return top
    }

    private mutating func popToMark() throws(TensorFileError) -> [Index] {
        guard let mark = marks.popLast() else { throw damaged("lacks a mark") }
        // A copy: a slice would share the stack's memory and force the stack to be copied when it shrinks.
        let members = Array(stack[mark...])
        stack.removeLast(members.count)
        return members
    }

    private func top() throws(TensorFileError) -> Int {
        guard stack.count > marks.last ?? 0, let top = stack.last else {
            throw damaged("pops from an empty stack")
        }
        return Int(top)
    }

    private mutating func pushTuple(_ members: [Index]) {
        let start = Int32(graph.children.count)
        graph.children.append(contentsOf: members)
        push(.tuple(start: start, count: Int32(members.count)))
    }

    private mutating func pushTuple(count: Int) throws(TensorFileError) {
        guard stack.count - (marks.last ?? 0) >= count else {
            throw damaged("pops from an empty stack")
        }
        let members = Array(stack.suffix(count))
        stack.removeLast(count)
        pushTuple(members)
    }

    private mutating func pushString(count: Int) throws(TensorFileError) {
        push(.string(String(decoding: try reader.bytes(count), as: UTF8.self)))
    }

    private mutating func skipBytes(count: UInt64) throws(TensorFileError) {
        try reader.skip(Int(exactly: count) ?? .max)
        push(.opaque)
    }

    private mutating func recall(_ key: UInt32) throws(TensorFileError) {
        guard let index = memo[key] else { throw damaged("reads memo \(key), which it never set") }
        stack.append(index)
    }

    private mutating func keep(_ key: UInt32) throws(TensorFileError) {
        memo[key] = Index(try top())
    }

    // MARK: Opcodes

    private mutating func perform(_ opcode: UInt8) throws(TensorFileError) {
        switch opcode {
        case 0x80:  // PROTO
            let version = try reader.byte()
            guard version <= 5 else { throw damaged("claims protocol \(version)") }
        case 0x95: _ = try reader.integer(UInt64.self)  // FRAME
        case 0x28: marks.append(stack.count)  // MARK
        case 0x30:  // POP takes a value or, if there is none, a mark
            if stack.count > marks.last ?? 0 { stack.removeLast() } else { _ = try popToMark() }
        case 0x31: _ = try popToMark()  // POP_MARK
        case 0x32: stack.append(Index(try top()))  // DUP

        case 0x4e: push(.none)
        case 0x88: push(.bool(true))
        case 0x89: push(.bool(false))
        case 0x4a: push(.int(Int(try reader.integer(Int32.self))))  // BININT
        case 0x4b: push(.int(Int(try reader.byte())))  // BININT1
        case 0x4d: push(.int(Int(try reader.integer(UInt16.self))))  // BININT2
        case 0x8a: try pushLong(count: Int(try reader.byte()))  // LONG1
        case 0x8b: try pushLong(count: Int(try reader.integer(Int32.self)))  // LONG4
        case 0x47:  // BINFLOAT, the only big-endian one
            push(.float(Double(bitPattern: try reader.integer(UInt64.self).byteSwapped)))

        case 0x58, 0x54:  // BINUNICODE, BINSTRING
            try pushString(count: Int(try reader.integer(UInt32.self)))
        case 0x8c, 0x55: try pushString(count: Int(try reader.byte()))  // SHORT_ of both
        case 0x8d:  // BINUNICODE8
            try pushString(count: Int(exactly: try reader.integer(UInt64.self)) ?? .max)
        case 0x43: try skipBytes(count: UInt64(try reader.byte()))  // SHORT_BINBYTES
        case 0x42: try skipBytes(count: UInt64(try reader.integer(UInt32.self)))  // BINBYTES
        case 0x8e, 0x96: try skipBytes(count: try reader.integer())  // BINBYTES8, BYTEARRAY8

        case 0x29: try pushTuple(count: 0)
        case 0x85: try pushTuple(count: 1)
        case 0x86: try pushTuple(count: 2)
        case 0x87: try pushTuple(count: 3)
        case 0x74: pushTuple(try popToMark())  // TUPLE
        case 0x5d: pushList()
        case 0x61: try extendList([try pop()])  // APPEND
        case 0x65: try extendList(try popToMark())  // APPENDS
        case 0x7d: pushDictionary()
        case 0x73:  // SETITEM
            let value = try pop()
            try extendDictionary([try pop(), value])
        case 0x75: try extendDictionary(try popToMark())  // SETITEMS
        case 0x8f: push(.opaque)  // EMPTY_SET
        case 0x90: _ = try popToMark()  // ADDITEMS
        case 0x91:  // FROZENSET
            _ = try popToMark()
            push(.opaque)

        case 0x71: try keep(UInt32(try reader.byte()))  // BINPUT
        case 0x72: try keep(try reader.integer())  // LONG_BINPUT
        case 0x94: try keep(UInt32(memo.count))  // MEMOIZE
        case 0x68: try recall(UInt32(try reader.byte()))  // BINGET
        case 0x6a: try recall(try reader.integer())  // LONG_BINGET

        case 0x63, 0x69:  // GLOBAL, INST; INST is parsed only to name what is refused
            let module = String(decoding: try reader.line(limit: 200), as: UTF8.self)
            let name = String(decoding: try reader.line(limit: 200), as: UTF8.self)
            try pushGlobal(module: module, name: name)
            guard opcode == 0x63 else { throw damaged("has opcode 0x69") }
        case 0x93:  // STACK_GLOBAL
            let name = try pop()
            guard let module = graph.string(try pop()), let name = graph.string(name) else {
                throw damaged("names something that is not a string")
            }
            try pushGlobal(module: module, name: name)
        case 0x52, 0x81:  // REDUCE, NEWOBJ
            let arguments = try pop()
            try construct(try pop(), arguments)
        case 0x62:  // BUILD
            let state = try pop()
            try build(try top(), state)
        case 0x51:  // BINPERSID
            push(try storage(try pop()))
        default:
            throw damaged(
                "has opcode 0x\(String(opcode, radix: 16)), which torch.save never writes,")
        }
    }

    private mutating func pushLong(count: Int) throws(TensorFileError) {
        let bytes = try reader.bytes(count)
        guard count <= 8 else { return push(.opaque) }
        var value = bytes.last ?? 0 >= 0x80 ? -1 : 0
        for byte in bytes.reversed() { value = value << 8 | Int(byte) }
        push(.int(value))
    }

    mutating func pushDictionary() {
        push(.dictionary(Index(graph.lists.count)))
        graph.lists.append([])
    }

    private mutating func pushList() {
        push(.list(Index(graph.lists.count)))
        graph.lists.append([])
    }

    private mutating func extendList(_ members: [Index]) throws(TensorFileError) {
        switch graph.nodes[try top()] {
        case .list(let list): graph.lists[Int(list)].append(contentsOf: members)
        case .opaque: break
        default: throw damaged("appends to something that is not a list")
        }
    }

    private mutating func extendDictionary(_ members: [Index]) throws(TensorFileError) {
        guard members.count % 2 == 0 else { throw damaged("has a key without a value") }
        switch graph.nodes[try top()] {
        case .dictionary(let list): graph.lists[Int(list)].append(contentsOf: members)
        case .opaque: break
        default: throw damaged("sets a key of something that is not a dictionary")
        }
    }
}
