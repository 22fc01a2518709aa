/// The safetensors format: https://github.com/huggingface/safetensors, "Format".
///
/// Eight bytes hold the length of a JSON header, which names each tensor with its type, its shape
/// and its stretch of the bytes that follow. The stretches cover those bytes without gap or overlap.
public enum Safetensors {
    /// The longest header that the reference implementation accepts (MAX_HEADER_SIZE).
    static let headerLimit = 100_000_000

    struct Contents {
        var records: [(name: String, record: TensorRecord)] = []
        var metadata: [String: String] = [:]
    }

    /// The length of the header, or nil where the file does not start as this format does.
    static func headerLength(_ start: [UInt8], _ file: RandomAccessFile) -> Int? {
        guard start.count > 8, start[8] == UInt8(ascii: "{") else { return nil }
        return Int(exactly: start.littleEndian(UInt64.self, at: 0))
    }

    static func contents(
        of file: RandomAccessFile, headerLength: Int
    ) throws(TensorFileError) -> Contents {
        guard headerLength <= min(headerLimit, file.size - 8) else {
            throw file.damaged(
                "its header claims \(headerLength) bytes;"
                    + " expected at most \(min(headerLimit, file.size - 8))")
        }
        let header = try file.bytes(at: 8, count: headerLength)
        var scanner = TextScanner(header, file: file, what: "safetensors header")
        let dataStart = 8 + headerLength
        var contents = Contents()
        var seen: Set<String> = []
        try scanner.expect("{")
        if !scanner.take("}") {
            repeat {
                let name = try scanner.string()
                guard seen.insert(name).inserted else {
                    throw file.damaged("its header has \(shown(name)) twice")
                }
                try scanner.expect(":")
                if name == "__metadata__" {
                    contents.metadata = try metadata(&scanner)
                } else {
                    let record = try record(name, &scanner, dataStart, file)
                    contents.records.append((name, record))
                }
            } while scanner.take(",")
            try scanner.expect("}")
        }
        guard scanner.isAtEnd else { throw scanner.unexpected() }
        try checkCover(contents, dataStart, file)
        return contents
    }

    private static func metadata(
        _ scanner: inout TextScanner
    ) throws(TensorFileError) -> [String: String] {
        var metadata: [String: String] = [:]
        try scanner.expect("{")
        if scanner.take("}") { return metadata }
        repeat {
            let key = try scanner.string()
            try scanner.expect(":")
            metadata[key] = try scanner.string()
        } while scanner.take(",")
        try scanner.expect("}")
        return metadata
    }

    private static func record(
        _ name: String, _ scanner: inout TextScanner, _ dataStart: Int, _ file: RandomAccessFile
    ) throws(TensorFileError) -> TensorRecord {
        var type: String?
        var dimensions: [Int]?
        var range: [Int]?
        try scanner.expect("{")
        repeat {
            let key = try scanner.string()
            try scanner.expect(":")
            switch key {
            case "dtype" where type == nil: type = try scanner.string()
            case "shape" where dimensions == nil: dimensions = try integers(&scanner)
            case "data_offsets" where range == nil: range = try integers(&scanner)
            default: throw scanner.unexpected()
            }
        } while scanner.take(",")
        try scanner.expect("}")
        guard let type, let dimensions, let range, range.count == 2 else {
            throw scanner.unexpected()
        }
        guard let elementType = elementTypes[type] else {
            throw file.unsupported(
                "\(shown(name)) has elements of type \(shown(type));"
                    + " expected one of \(elementTypes.keys.sorted().joined(separator: ", "))")
        }
        guard range[0] <= range[1], range[1] <= file.size - dataStart else {
            throw file.damaged(
                "\(shown(name)) claims the bytes \(range[0])..<\(range[1])"
                    + " of \(file.size - dataStart)")
        }
        let record = try TensorRecord(
            name: name, elementType: elementType, dimensions: dimensions,
            offset: dataStart + range[0], available: range[1] - range[0], in: file)
        guard record.shape.count * elementType.size == range[1] - range[0] else {
            throw file.damaged(
                "\(shown(name)), \(record.shape) of \(type), has"
                    + " \(range[1] - range[0]) bytes; expected"
                    + " \(record.shape.count * elementType.size)")
        }
        return record
    }

    private static func integers(_ scanner: inout TextScanner) throws(TensorFileError) -> [Int] {
        var integers: [Int] = []
        try scanner.expect("[")
        if scanner.take("]") { return integers }
        repeat { integers.append(try scanner.integer()) } while scanner.take(",")
        try scanner.expect("]")
        return integers
    }

    private static func checkCover(
        _ contents: Contents, _ dataStart: Int, _ file: RandomAccessFile
    ) throws(TensorFileError) {
        var end = dataStart
        let inOrder = contents.records.sorted {
            ($0.record.offset, $0.record.shape.count) < ($1.record.offset, $1.record.shape.count)
        }
        for (name, record) in inOrder {
            guard record.offset == end else {
                throw file.damaged(
                    "\(shown(name)) starts at byte \(record.offset); expected \(end), where"
                        + " the tensor before it ends")
            }
            end += record.shape.count * record.elementType.size
        }
        guard end == file.size else {
            throw file.damaged("its tensors end at byte \(end) of \(file.size)")
        }
    }

    private static let elementTypes: [String: ElementType] = [
        "F64": .float64, "F32": .float32, "F16": .float16, "BF16": .bfloat16, "I64": .int64,
        "I32": .int32, "I16": .int16, "I8": .int8, "U8": .uint8, "BOOL": .bool,
    ]
}
