/// The safetensors format: https://github.com/huggingface/safetensors, "Format".
///
/// The first eight bytes hold the length of a JSON header, which names each tensor with its type, its shape and its
/// byte range in the data that follows. The ranges cover the data without gap or overlap.
public enum Safetensors {
    /// The longest header that the reference implementation accepts (MAX_HEADER_SIZE).
    static let headerLimit = 100_000_000

    /// The byte range of the file that a tensor claims in the header.
    private typealias Claim = (name: String, range: Range<Int>)

    /// The length of the header; nil if the file does not start as this format does.
    static func headerLength(_ start: [UInt8], _ file: RandomAccessFile) -> Int? {
        guard start.count > 8, start[8] == UInt8(ascii: "{") else { return nil }
        return Int(exactly: start.littleEndian(UInt64.self, at: 0))
    }

    static func contents(
        of file: RandomAccessFile, headerLength: Int
    ) throws(TensorFileError) -> TensorFile.Contents {
        guard headerLength <= min(headerLimit, file.size - 8) else {
            throw file.damaged(
                "its header claims \(headerLength) bytes;"
                    + " expected at most \(min(headerLimit, file.size - 8))")
        }
        let header = try file.bytes(at: 8, count: headerLength)
        var scanner = TextScanner(header, file: file, what: "safetensors header")
        let dataStart = 8 + headerLength
        var contents = TensorFile.Contents()
        var claims: [Claim] = []
        var seen: Set<String> = []
        try scanner.expect("{")
        if !scanner.take("}") {
            repeat {
                let name = try scanner.string()
                guard seen.insert(name).inserted else {
                    throw file.damaged("its header lists \(shown(name)) twice")
                }
                try scanner.expect(":")
                if name == "__metadata__" {
                    contents.metadata = try metadata(&scanner)
                } else {
                    claims.append((name, try read(name, &scanner, dataStart, file, &contents)))
                }
            } while scanner.take(",")
            try scanner.expect("}")
        }
        guard scanner.isAtEnd else { throw scanner.unexpected() }
        try checkCover(claims, dataStart, file)
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

    /// Reads the description of a tensor; returns the byte range of the file that it claims.
    private static func read(
        _ name: String, _ scanner: inout TextScanner, _ dataStart: Int, _ file: RandomAccessFile,
        _ contents: inout TensorFile.Contents
    ) throws(TensorFileError) -> Range<Int> {
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
        guard range[0] <= range[1], range[1] <= file.size - dataStart else {
            throw file.damaged(
                "\(shown(name)) claims the bytes \(range[0])..<\(range[1])"
                    + " of \(file.size - dataStart)")
        }
        let claim = dataStart + range[0]..<dataStart + range[1]
        guard let elementType = elementTypes[type] else {
            contents.unreadable.append(
                (name, "holds elements of type \(shown(type)); \(ElementType.expectation)"))
            return claim
        }
        let record = try TensorRecord(
            name: name, elementType: elementType, dimensions: dimensions, offset: claim.lowerBound,
            available: claim.count, in: file)
        guard record.shape.count * elementType.size == claim.count else {
            throw file.damaged(
                "\(shown(name)), \(record.shape) of \(type), has \(claim.count) bytes;"
                    + " expected \(record.shape.count * elementType.size)")
        }
        contents.records.append((name, record))
        return claim
    }

    private static func integers(_ scanner: inout TextScanner) throws(TensorFileError) -> [Int] {
        var integers: [Int] = []
        try scanner.expect("[")
        if scanner.take("]") { return integers }
        repeat { integers.append(try scanner.integer()) } while scanner.take(",")
        try scanner.expect("]")
        return integers
    }

    /// Checks that the claimed ranges cover the data without gap or overlap.
    private static func checkCover(
        _ claims: [Claim], _ dataStart: Int, _ file: RandomAccessFile
    ) throws(TensorFileError) {
        var end = dataStart
        let inOrder = claims.sorted {
            ($0.range.lowerBound, $0.range.upperBound) < ($1.range.lowerBound, $1.range.upperBound)
        }
        for (name, range) in inOrder {
            guard range.lowerBound == end else {
                throw file.damaged(
                    "\(shown(name)) starts at byte \(range.lowerBound); expected \(end), where"
                        + " the tensor before it ends")
            }
            end = range.upperBound
        }
        guard end == file.size else {
            throw file.damaged("its tensors end at byte \(end) of \(file.size)")
        }
    }

    /// The supported types of the format. It also has complex numbers (C64) and floats of less than a byte (F4,
    /// F6_E2M3, F6_E3M2).
    private static let elementTypes: [String: ElementType] = [
        "F64": .float64, "F32": .float32, "F16": .float16, "BF16": .bfloat16,
        "F8_E4M3": .float8E4M3FN, "F8_E4M3FNUZ": .float8E4M3FNUZ, "F8_E5M2": .float8E5M2,
        "F8_E5M2FNUZ": .float8E5M2FNUZ, "F8_E8M0": .float8E8M0FNU, "I64": .int64, "I32": .int32,
        "I16": .int16, "I8": .int8, "U64": .uint64, "U32": .uint32, "U16": .uint16, "U8": .uint8,
        "BOOL": .bool,
    ]
}
