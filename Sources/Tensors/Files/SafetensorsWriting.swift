import Platform

extension Safetensors {
    /// Writes tensors in the order of their names, the data aligned to eight bytes.
    ///
    /// The file is written under a temporary name and renamed: a reader sees either the old file or the complete new
    /// one, even after a power failure.
    ///
    /// - Parameters:
    ///   - tensors: the tensors by name.
    ///   - metadata: short texts to store in the header; Hugging Face's transformers expect `["format": "pt"]`.
    ///   - elementType: float32, or a half precision, to which elements are rounded, ties to even.
    ///   - path: the file to create or replace.
    /// - Throws: `TensorFileError.unwritable`; `outOfRange` if a finite element would become infinite in half
    ///   precision.
    /// - Precondition: no tensor is named `__metadata__`; `elementType` is float32, float16 or bfloat16.
    /// - Complexity: O(elements) time; memory for the header only.
    public static func write(
        _ tensors: [String: Tensor], metadata: [String: String] = [:],
        as elementType: ElementType = .float32, to path: String
    ) throws(TensorFileError) {
        try checkRange(tensors.sorted { $0.key < $1.key }, elementType, path)
        try write(tensors.mapValues { ($0, elementType) }, metadata: metadata, to: path)
    }

    /// Writes tensors of several types, those with larger elements first, so that all are aligned.
    ///
    /// - Parameter tensors: tensors and their types by name; those of integers are whole numbers within the type's bounds.
    package static func write(
        _ tensors: [String: (tensor: Tensor, type: ElementType)], metadata: [String: String],
        to path: String
    ) throws(TensorFileError) {
        require(
            tensors["__metadata__"] == nil, "Safetensors: a tensor cannot be named __metadata__")
        var fields: [String] = []
        if !metadata.isEmpty {
            let texts = metadata.sorted { $0.key < $1.key }.map { "\(quoted($0)):\(quoted($1))" }
            fields.append("\"__metadata__\":{\(texts.joined(separator: ","))}")
        }
        var end = 0
        let inOrder = tensors.sorted {
            ($1.value.type.size, $0.key) < ($0.value.type.size, $1.key)
        }
        for (name, (tensor, elementType)) in inOrder {
            guard let type = writtenTypes[elementType] else {
                fail("Safetensors: tensors cannot be written as \(elementType.rawValue)")
            }
            let start = end
            end += tensor.count * elementType.size
            let extents = tensor.shape.dimensions.map(String.init).joined(separator: ",")
            fields.append(
                "\(quoted(name)):{\"dtype\":\"\(type)\",\"shape\":[\(extents)],"
                    + "\"data_offsets\":[\(start),\(end)]}")
        }
        var header = Array("{\(fields.joined(separator: ","))}".utf8)
        header += [UInt8](repeating: UInt8(ascii: " "), count: (8 - header.count % 8) % 8)
        let length = UInt64(header.count)
        try TensorFileError.writing(to: path) { file throws(SystemError) in
            try file.write((0..<8).map { UInt8(truncatingIfNeeded: length >> (8 * $0)) } + header)
            for (_, (tensor, type)) in inOrder { try file.write(tensor, as: type) }
        }
    }

    /// Throws if a finite element would become infinite as `type`.
    private static func checkRange(
        _ tensors: [(key: String, value: Tensor)], _ type: ElementType, _ path: String
    ) throws(TensorFileError) {
        guard let overflow = overflows[type] else { return }
        let leaving = tensors.filter { $0.value.count(ofMagnitudeBits: overflow) > 0 }
        guard !leaving.isEmpty else { return }
        let greatest = leaving.map { _, tensor in
            tensor.withUnsafeElements { elements in
                elements.reduce(0) { $1.isFinite ? max($0, $1.magnitude) : $0 }
            }
        }
        throw .outOfRange(
            path: path, type: type, names: leaving.map(\.key), greatest: greatest.max() ?? 0)
    }

    /// The bits of the finite magnitudes that are rounded to infinity: from half-way between the type's greatest value
    /// and the next power of two.
    private static let overflows: [ElementType: ClosedRange<UInt32>] = [
        .float16: Float(65520).bitPattern...0x7f7f_ffff, .bfloat16: 0x7f7f_8000...0x7f7f_ffff,
    ]

    private static let writtenTypes: [ElementType: String] = [
        .float32: "F32", .float16: "F16", .bfloat16: "BF16", .int16: "I16", .int8: "I8",
    ]

    private static func quoted(_ text: String) -> String {
        var quoted = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"", "\\":
                quoted.unicodeScalars.append("\\")
                quoted.unicodeScalars.append(scalar)
            case _ where scalar.value < 32:
                let digits = String(scalar.value, radix: 16)
                quoted += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
            default: quoted.unicodeScalars.append(scalar)
            }
        }
        return quoted + "\""
    }
}
