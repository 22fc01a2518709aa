import Platform

/// The npy format, one array per file:
/// https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html
enum NPY {
    static let magic: [UInt8] = [0x93] + Array("NUMPY".utf8)

    /// The name of the only tensor; the file itself stores none.
    static let name = "array"

    /// Reads the header of versions 1 to 3, in row- or column-major order.
    static func record(in file: RandomAccessFile) throws(TensorFileError) -> TensorRecord {
        let version = try file.bytes(at: 0, count: 8)[6]
        guard (1...3).contains(version) else {
            throw file.unsupported("it is npy version \(version); expected 1, 2 or 3")
        }
        let lengthSize = version == 1 ? 2 : 4
        let lengthBytes = try file.bytes(at: 8, count: lengthSize)
        let length =
            version == 1
            ? Int(lengthBytes.littleEndian(UInt16.self, at: 0))
            : Int(lengthBytes.littleEndian(UInt32.self, at: 0))
        // A header describes one array in a few dozen bytes; numpy refuses long ones too.
        guard length <= 10_000 else {
            throw file.damaged("its header claims \(length) bytes; expected at most 10000")
        }
        let start = 8 + lengthSize
        let header = try parse(try file.bytes(at: start, count: length), file)
        guard let type = elementTypes[header.type] else {
            throw file.unsupported(
                "its elements are '\(shown(header.type))'; expected little-endian floats"
                    + " ('<f2', '<f4', '<f8'), integers or booleans")
        }
        var strides: [Int]?
        if header.isColumnMajor, let shape = Shape(checking: header.dimensions), shape.count > 0 {
            var stride = 1
            strides = header.dimensions.map { extent in
                defer { stride *= extent }
                return stride
            }
        }
        let offset = start + length
        return try TensorRecord(
            name: name, elementType: type, dimensions: header.dimensions, strides: strides,
            offset: offset, available: file.size - offset, in: file)
    }

    private static let elementTypes: [String: ElementType] = [
        "<f8": .float64, "<f4": .float32, "<f2": .float16, "<i8": .int64, "<i4": .int32,
        "<i2": .int16, "|i1": .int8, "<u8": .uint64, "<u4": .uint32, "<u2": .uint16, "|u1": .uint8,
        "|b1": .bool,
    ]

    private struct Header {
        var type = ""
        var isColumnMajor = false
        var dimensions: [Int] = []
    }

    /// Parses the literal of a Python dictionary with the three keys of the format.
    private static func parse(
        _ bytes: [UInt8], _ file: RandomAccessFile
    ) throws(TensorFileError) -> Header {
        var scanner = TextScanner(bytes, file: file, what: "npy header")
        var header = Header()
        var keys: Set<String> = []
        try scanner.expect("{")
        while !scanner.take("}") {
            let key = try scanner.string()
            try scanner.expect(":")
            switch key {
            case "descr": header.type = try scanner.string()
            case "fortran_order":
                header.isColumnMajor = scanner.take("True")
                if !header.isColumnMajor { try scanner.expect("False") }
            case "shape":
                try scanner.expect("(")
                while !scanner.take(")") {
                    header.dimensions.append(try scanner.integer())
                    if !scanner.take(",") {
                        try scanner.expect(")")
                        break
                    }
                }
            default: throw scanner.unexpected()
            }
            guard keys.insert(key).inserted else { throw scanner.unexpected() }
            if !scanner.take(",") {
                try scanner.expect("}")
                break
            }
        }
        guard keys.count == 3, scanner.isAtEnd else { throw scanner.unexpected() }
        return header
    }
}

extension Tensor {
    /// Reads an npy file of version 1 to 3, little-endian, in row- or column-major order, converting its elements to
    /// 32-bit floats.
    ///
    /// - Throws: `TensorFileError` if the file cannot be read or is not an npy file.
    public init(npy path: String) throws(TensorFileError) {
        let file = try TensorFile(contentsOf: path)
        guard file.format == .npy else {
            throw .unsupported(
                path: path, reason: "it is \(file.format.description); expected an npy file")
        }
        self = try file.tensor(named: NPY.name)
    }

    /// Writes the elements as 32-bit floats to an npy file: version 1.0, row-major order, data at a multiple of 64
    /// bytes.
    ///
    /// The file is written under a temporary name and renamed: a reader sees either the old file or the complete new
    /// one.
    ///
    /// - Throws: `TensorFileError.unwritable`.
    public func writeNPY(to path: String) throws(TensorFileError) {
        let extents = shape.dimensions.map(String.init).joined(separator: ", ")
        let tuple = shape.rank == 1 ? "(\(extents),)" : "(\(extents))"
        var text = "{'descr': '<f4', 'fortran_order': False, 'shape': \(tuple), }"
        let unpadded = NPY.magic.count + 4 + text.utf8.count + 1
        text += String(repeating: " ", count: (64 - unpadded % 64) % 64) + "\n"
        let length = UInt16(text.utf8.count)
        let header = NPY.magic + [1, 0, UInt8(length & 0xff), UInt8(length >> 8)] + text.utf8
        try TensorFileError.writing(to: path) { file throws(SystemError) in
            try file.write(header)
            try file.write(self, as: .float32)
        }
    }
}
