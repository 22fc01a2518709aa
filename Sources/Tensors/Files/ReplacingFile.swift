#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#elseif canImport(Darwin)
    import Darwin
#endif

/// A file that is written beside its place and takes it by renaming once it is whole.
///
/// Dropped before `commit`, it leaves no trace.
struct ReplacingFile: ~Copyable {
    private let path: String
    private let temporary: String
    private var descriptor: Int32
    private var isCommitted = false

    init(path: String) throws(TensorFileError) {
        let temporary = "\(path).\(UInt32.random(in: 0...UInt32.max)).partial"
        descriptor = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o666)
        guard descriptor >= 0 else {
            throw .unwritable(path: path, reason: lastSystemError())
        }
        self.path = path
        self.temporary = temporary
    }

    deinit {
        if descriptor >= 0 { close(descriptor) }
        if !isCommitted { unlink(temporary) }
    }

    /// Appends bytes.
    func write(_ bytes: UnsafeRawBufferPointer) throws(TensorFileError) {
        guard let base = bytes.baseAddress else { return }
        var done = 0
        while done < bytes.count {
            #if canImport(Glibc)
                let got = Glibc.write(descriptor, base + done, bytes.count - done)
            #elseif canImport(Musl)
                let got = Musl.write(descriptor, base + done, bytes.count - done)
            #elseif canImport(Darwin)
                let got = Darwin.write(descriptor, base + done, bytes.count - done)
            #endif
            if got < 0 && errno == EINTR { continue }
            guard got > 0 else { throw .unwritable(path: path, reason: lastSystemError()) }
            done += got
        }
    }

    /// Appends bytes.
    func write(_ bytes: [UInt8]) throws(TensorFileError) {
        var failure: TensorFileError?
        bytes.withUnsafeBytes { buffer in
            do throws(TensorFileError) { try write(buffer) } catch { failure = error }
        }
        if let failure { throw failure }
    }

    /// Appends a tensor's elements in row-major order, little-endian.
    func write(_ tensor: Tensor, as elementType: ElementType) throws(TensorFileError) {
        var failure: TensorFileError?
        tensor.withUnsafeElements { elements in
            do throws(TensorFileError) {
                try write(elements, as: elementType)
            } catch {
                failure = error
            }
        }
        if let failure { throw failure }
    }

    private func write(
        _ elements: UnsafeBufferPointer<Float>, as elementType: ElementType
    ) throws(TensorFileError) {
        switch elementType {
        case .float32 where Int(1).littleEndian == 1:
            try write(UnsafeRawBufferPointer(elements))
        case .float32:
            try write(elements) { $0.bitPattern.littleEndian }
        case .float16:
            try write(elements) { $0.halfBits.littleEndian }
        case .bfloat16:
            try write(elements) { $0.bfloat16Bits.littleEndian }
        default:
            preconditionFailure("ReplacingFile: tensors are not written as \(elementType)")
        }
    }

    private func write<Bits>(
        _ elements: UnsafeBufferPointer<Float>, _ bits: (Float) -> Bits
    ) throws(TensorFileError) {
        let elementsAChunk = 1 << 16
        for start in stride(from: 0, to: elements.count, by: elementsAChunk) {
            let run = elements[start..<min(start + elementsAChunk, elements.count)]
            let chunk = run.map(bits)
            var failure: TensorFileError?
            chunk.withUnsafeBytes { buffer in
                do throws(TensorFileError) { try write(buffer) } catch { failure = error }
            }
            if let failure { throw failure }
        }
    }

    /// Waits until all that was written lies on the disk: a renaming can get there before the bytes
    /// do, and after a loss of power the place would hold a file that is not whole.
    func synchronize() throws(TensorFileError) {
        guard fsync(descriptor) == 0 else {
            throw .unwritable(path: path, reason: lastSystemError())
        }
    }

    /// Puts the file in its place.
    mutating func commit() throws(TensorFileError) {
        let closed = close(descriptor) == 0
        descriptor = -1
        guard closed, rename(temporary, path) == 0 else {
            throw .unwritable(path: path, reason: lastSystemError())
        }
        isCommitted = true
    }
}
