/// Where and how a file holds one tensor. All of it was checked against the file's length.
struct TensorRecord: Sendable {
    let file: RandomAccessFile
    var elementType: ElementType
    var shape: Shape
    /// The position of the tensor's first element in the file.
    var offset: Int
    /// Elements between neighbours along each dimension, or nil where the elements lie in
    /// row-major order without gaps.
    var strides: [Int]?
    /// Elements from the tensor's first to its last as they are stored, gaps included.
    var storedCount: Int

    /// Checks a claim that a file makes.
    ///
    /// - Parameters:
    ///   - offset: the position of the first element in bytes.
    ///   - available: the bytes from there on that may belong to the tensor.
    /// - Throws: where the claim leads outside of those bytes, overflows, or has more than eight
    ///   dimensions.
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
            // A stride that is never taken may be any number; zero keeps it out of the arithmetic.
            let taken = zip(dimensions, strides).map { $0 > 1 ? $1 : 0 }
            return isRowMajor(taken, dimensions) ? nil : taken
        }
        self.storedCount = last + 1
    }

    /// The most elements that tensors of a file may have together: as many as the file has bytes, and
    /// what a model may gain by views that show one element in many places (`expand`). So memory
    /// stays in proportion to the file.
    static func mostElements(byteCount: Int) -> Int { byteCount + (1 << 22) }

    /// Throws where a shape has more elements than views of the file may have.
    func checkSpread() throws(TensorFileError) {
        guard shape.count <= TensorRecord.mostElements(byteCount: file.size) else {
            throw file.unsupported(
                "a tensor spreads \(storedCount) stored elements over the shape \(shape)")
        }
    }

    /// Reads the elements into `target`, which has room for `shape.count`.
    ///
    /// Complexity: O(count) time; beside the target at most 256 KiB, or for a tensor that does not
    /// lie in row-major order the stretch of the file that holds it.
    func read(into target: UnsafeMutablePointer<Float>) throws(TensorFileError) {
        guard shape.count > 0 else { return }
        guard let strides else {
            return try readRun(count: shape.count, into: target)
        }
        let stored = Tensor(uninitialized: [storedCount])
        try readRun(count: storedCount, into: stored.storage.base)
        stored.withUnsafeElements {
            gather($0, shape.dimensions, strides, into: target)
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

/// The index of the last element that strides reach, -1 without elements, nil where it overflows.
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

/// Lines up strided elements in row-major order. There is at least one.
private func gather(
    _ source: UnsafeBufferPointer<Float>, _ dimensions: [Int], _ strides: [Int],
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
    /// The product of two numbers, nil where it overflows.
    static func product(_ a: Int, _ b: Int) -> Int? {
        let (product, overflow) = a.multipliedReportingOverflow(by: b)
        return overflow ? nil : product
    }
}

extension Shape {
    /// Extents that come from a file: nil where one is negative, where their product overflows, or
    /// where there are more than eight.
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
