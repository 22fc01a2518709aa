import Platform

extension TensorFileError {
    /// Writes a file completely or not at all.
    static func writing(
        to path: String, _ body: (borrowing ReplacingFile) throws(SystemError) -> Void
    ) throws(TensorFileError) {
        do {
            try ReplacingFile.write(to: path, body)
        } catch {
            throw .unwritable(path: path, reason: error.description)
        }
    }
}

extension ReplacingFile {
    /// Appends a tensor's elements in row-major order, little-endian.
    func write(_ tensor: Tensor, as elementType: ElementType) throws(SystemError) {
        let result = tensor.withUnsafeElements { elements in
            Result { () throws(SystemError) in try write(elements, as: elementType) }
        }
        try result.get()
    }

    private func write(
        _ elements: UnsafeBufferPointer<Float>, as elementType: ElementType
    ) throws(SystemError) {
        switch elementType {
        case .float32 where Int(1).littleEndian == 1:
            try write(UnsafeRawBufferPointer(elements))
        case .float32:
            try write(elements) { $0.bitPattern.littleEndian }
        case .float16:
            try write(elements) { $0.halfBits.littleEndian }
        case .bfloat16:
            try write(elements) { $0.bfloat16Bits.littleEndian }
        case .int16:
            try write(elements) { Int16($0).littleEndian }
        case .int8:
            try write(elements) { Int8($0) }
        default:
            fail("ReplacingFile: tensors cannot be written as \(elementType)")
        }
    }

    private func write<Bits>(
        _ elements: UnsafeBufferPointer<Float>, _ bits: (Float) -> Bits
    ) throws(SystemError) {
        let elementsAChunk = 1 << 16
        for start in stride(from: 0, to: elements.count, by: elementsAChunk) {
            let run = elements[start..<min(start + elementsAChunk, elements.count)]
            let chunk = run.map(bits)
            let result = chunk.withUnsafeBytes { buffer in
                Result { () throws(SystemError) in try write(buffer) }
            }
            try result.get()
        }
    }
}
