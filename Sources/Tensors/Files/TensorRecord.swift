/// The location and layout of one tensor in a file, checked against the file's length.
struct TensorRecord: Sendable {
    let file: RandomAccessFile
    var elementType: ElementType
    var shape: Shape
    /// The position of the tensor's first element in the file.
    var offset: Int
    /// Distances in elements between neighbours along each dimension; nil if the elements lie in row-major order
    /// without gaps.
    var strides: [Int]?
    /// The number of stored elements from the tensor's first to its last, gaps included.
    var storedCount: Int

    /// Checks what a file claims about a tensor.
    ///
    /// - Parameters:
    ///   - name: the tensor's name, for messages.
    ///   - elementType: the type of the stored elements.
    ///   - dimensions: the claimed shape.
    ///   - strides: distances in elements between neighbours along each dimension; nil for row-major order without
    ///     gaps.
    ///   - offset: the position of the first element in bytes.
    ///   - available: the number of bytes from there that may belong to the tensor.
    ///   - file: the file that holds the elements.
    /// - Throws: if the claim leads outside those bytes, overflows, or has more than eight dimensions.
    init(
        name: String, elementType: ElementType, dimensions: [Int], strides: [Int]? = nil,
        offset: Int, available: Int, in file: RandomAccessFile
    ) throws(TensorFileError) {
        let name = shown(name)
        guard let shape = Shape(checking: dimensions) else {
            throw file.damaged("\(name) claims the impossible shape \(dimensions.prefix(9))")
        }
        let last =
            strides.map { lastElement(dimensions: dimensions, strides: $0) }
            ?? shape.count - 1
        guard let last, let bytes = Int.product(last + 1, elementType.size),
            file.contains(offset: offset, count: available), bytes <= available
        else {
            throw file.damaged(
                "\(name), \(shape) of \(elementType.rawValue), leads outside the"
                    + " \(available) bytes that the file has for it")
        }
        self.file = file
        self.elementType = elementType
        self.shape = shape
        self.offset = offset
        self.strides = strides.flatMap { strides in
            // The stride of a dimension of extent 1 is never used and may be anything; 0 keeps it out of the
            // arithmetic.
            let taken = zip(dimensions, strides).map { $0 > 1 ? $1 : 0 }
            return isRowMajor(taken, dimensions) ? nil : taken
        }
        self.storedCount = last + 1
    }

    /// The most elements that the tensors of a file may have together: one per byte of the file, plus an allowance for
    /// views that repeat elements (`expand`). Memory thus stays proportional to the file.
    static func maximumElementCount(byteCount: Int) -> Int { byteCount + (1 << 22) }

    /// Throws if the shape has more elements than the file's views may have.
    func checkSpread() throws(TensorFileError) {
        guard shape.count <= TensorRecord.maximumElementCount(byteCount: file.size) else {
            throw file.unsupported(
                "a tensor spreads \(storedCount) stored elements over the shape \(shape)")
        }
    }

    /// Reads the elements into `target`, which has room for `shape.count`.
    ///
    /// - Complexity: O(count) time; besides the target at most 256 KiB or, for a tensor that is not in row-major order,
    ///   the size of the part of the file that spans it.
    func read(into target: UnsafeMutablePointer<Float>) throws(TensorFileError) {
        guard shape.count > 0 else { return }
        guard let strides else {
            return try readRun(count: shape.count, into: target)
        }
        try withUnsafePointers(reading: Storage(count: storedCount)) {
            stored throws(TensorFileError) in
            try readRun(count: storedCount, into: stored)
            gather(stored, shape.dimensions, strides, into: target)
        }
    }

    private func readRun(
        count: Int, into target: UnsafeMutablePointer<Float>
    ) throws(TensorFileError) {
        if elementType == .float32 && Int(1).littleEndian == 1 {
            let bytes = UnsafeMutableRawBufferPointer(
                start: target, count: count * MemoryLayout<Float>.size)
            return try file.read(into: bytes, at: offset)
        }
        let chunk = UnsafeMutableRawBufferPointer.allocate(
            byteCount: min(count * elementType.size, 1 << 18), alignment: 64)
        defer { chunk.deallocate() }
        let elementsAChunk = chunk.count / elementType.size
        var done = 0
        while done < count {
            let now = min(elementsAChunk, count - done)
            let bytes = UnsafeMutableRawBufferPointer(rebasing: chunk[..<(now * elementType.size)])
            try file.read(into: bytes, at: offset + done * elementType.size)
            elementType.convert(UnsafeRawBufferPointer(bytes), to: target + done)
            done += now
        }
    }
}

/// The index of the last element that the strides reach; -1 if there are no elements, nil on overflow.
private func lastElement(dimensions: [Int], strides: [Int]) -> Int? {
    guard strides.count == dimensions.count, strides.allSatisfy({ $0 >= 0 }) else { return nil }
    guard !dimensions.contains(0) else { return -1 }
    var last = 0
    for (extent, stride) in zip(dimensions, strides) {
        guard let reach = Int.product(extent - 1, stride) else { return nil }
        let (sum, overflow) = last.addingReportingOverflow(reach)
        guard !overflow, sum < Int.max else { return nil }
        last = sum
    }
    return last
}

private func isRowMajor(_ strides: [Int], _ dimensions: [Int]) -> Bool {
    guard !dimensions.contains(0) else { return true }
    var expected = 1
    for (extent, stride) in zip(dimensions, strides).reversed() where extent > 1 {
        if stride != expected { return false }
        expected *= extent
    }
    return true
}

/// Copies strided elements into row-major order. There is at least one.
private func gather(
    _ source: UnsafePointer<Float>, _ dimensions: [Int], _ strides: [Int],
    into target: UnsafeMutablePointer<Float>
) {
    let inner = dimensions.last ?? 1
    let innerStride = strides.last ?? 0
    var index = [Int](repeating: 0, count: max(0, dimensions.count - 1))
    var start = 0
    var written = 0
    while true {
        for i in 0..<inner { target[written + i] = source[start + i * innerStride] }
        written += inner
        var axis = index.count - 1
        while axis >= 0 {
            index[axis] += 1
            start += strides[axis]
            if index[axis] < dimensions[axis] { break }
            start -= dimensions[axis] * strides[axis]
            index[axis] = 0
            axis -= 1
        }
        if axis < 0 { return }
    }
}

extension Int {
    /// The product of two numbers; nil on overflow.
    static func product(_ a: Int, _ b: Int) -> Int? {
        let (product, overflow) = a.multipliedReportingOverflow(by: b)
        return overflow ? nil : product
    }
}

extension Shape {
    /// Creates a shape from extents in a file; nil if one is negative, if their product overflows, or if there are more
    /// than eight.
    package init?(checking dimensions: [Int]) {
        guard dimensions.count <= 8, dimensions.allSatisfy({ $0 >= 0 }) else { return nil }
        var count = 1
        for extent in dimensions {
            guard let product = Int.product(count, extent) else { return nil }
            count = product
        }
        self.init(dimensions)
    }
}
