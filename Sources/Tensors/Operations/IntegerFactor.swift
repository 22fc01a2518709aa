internal import CKernels
import Platform

/// The right factor of a product in integers: the rows of a matrix, such as a layer's weights, each represented by
/// integers and a scale, `x = scale q`. It is stored in the kernel's layout (`ck_integer_kernels`).
package struct IntegerFactor: Sendable {
    /// The bits of an integer, 8 or 16.
    package let bits: Int
    /// The number of rows.
    package let rows: Int
    /// The number of columns, over which a product sums.
    package let columns: Int

    private let kernels: IntegerKernels
    private let memory: Storage
    private let scalesOfRows: Tensor
    /// 32-bit integers; nil if the kernels need none.
    private let offsets: Storage?
    /// The first row in memory: the start of a strip.
    private let first: Int

    /// Quantises a matrix by rows, on all threads.
    ///
    /// - Parameters:
    ///   - matrix: `[rows, columns]`.
    ///   - bits: 8 or 16.
    ///   - kernels: the kernels to use.
    /// - Complexity: O(elements).
    package init(_ matrix: Tensor, bits: Int, kernels: IntegerKernels = .best) {
        let columns = matrix.shape[1]
        self.init(rows: matrix.shape[0], columns: columns, bits: bits, kernels) {
            rows, target, scales in
            withUnsafePointers(reading: matrix, Storage(count: columns)) { matrix, line in
                var map = ck_row_map(kind: CK_IDENTITY, weight: nil, bias: nil, epsilon: 0)
                kernels.quantize(
                    rows.count, columns, matrix + rows.lowerBound * columns, columns, &map,
                    Int32(bits), false, target, scales, nil, line)
            }
        }
    }

    /// Creates a factor from its integers and scales.
    ///
    /// - Parameters:
    ///   - integers: `[rows, columns]`, whole numbers within the format's bounds (see `fault`).
    ///   - scales: the scale of each row.
    ///   - bits: 8 or 16.
    ///   - kernels: the kernels to use.
    package init(
        integers: Tensor, scales: Tensor, bits: Int, kernels: IntegerKernels = .best
    ) {
        let columns = integers.shape[1]
        let depth = ck_integer_depth(columns)
        self.init(rows: integers.shape[0], columns: columns, bits: bits, kernels) {
            rows, target, factors in
            withUnsafePointers(reading: integers, scales) { integers, scales in
                for (line, row) in rows.enumerated() {
                    factors[line] = scales[row]
                    let source = integers + row * columns
                    let target = target + line * depth
                    for column in 0..<depth {
                        target[column] = column < columns ? Int16(source[column]) : 0
                    }
                }
            }
        }
    }

    /// - Parameter fill: writes some rows of integers, `ck_integer_depth(columns)` apart, and their scales.
    private init(
        rows: Int, columns: Int, bits: Int, _ kernels: IntegerKernels,
        _ fill: (Range<Int>, UnsafeMutablePointer<Int16>, UnsafeMutablePointer<Float>) -> Void
    ) {
        require(bits == 8 || bits == 16, "IntegerFactor: integers of \(bits) bits")
        // Beyond, sums of 8-bit products leave 32 bits.
        require(bits == 16 || columns <= 1 << 16, "IntegerFactor: \(columns) columns of 8 bits")
        let strip = Int(CK_INTEGER_STRIP)
        let depth = ck_integer_depth(columns)
        let strips = (rows + strip - 1) / strip
        let stripBytes = strip * depth * bits / 8
        let group = bits == 8 ? kernels.byte_group : 2
        let memory = Storage(count: (strips * stripBytes + 3) / 4)
        let offsets = kernels.multipliesBytes(bits: bits) ? Storage(count: strips * strip) : nil
        var scales = Tensor(uninitialized: [strips * strip])
        withUnsafePointers(writing: &scales, reading: memory, offsets) { scales, base, offsets in
            let (base, sums) = (UnsafeMutableRawPointer(base), UnsafeMutableRawPointer(offsets))
            Parallelism.perform(count: strips) { index in
                let range = index * strip..<min((index + 1) * strip, rows)
                withUnsafeTemporaryAllocation(of: Int16.self, capacity: strip * depth) { lines in
                    guard let lines = lines.baseAddress else { return }
                    lines.initialize(repeating: 0, count: strip * depth)
                    fill(range, lines, scales + range.lowerBound)
                    let target = base + index * stripBytes
                    for row in 0..<strip {
                        let line = lines + row * depth
                        var sum: Int32 = 0
                        for p in 0..<depth {
                            let place = p / group * strip * group + row * group + p % group
                            if bits == 8 {
                                target.storeBytes(
                                    of: Int8(truncatingIfNeeded: line[p]), toByteOffset: place,
                                    as: Int8.self)
                            } else {
                                target.storeBytes(
                                    of: line[p], toByteOffset: 2 * place, as: Int16.self)
                            }
                            sum += Int32(line[p])
                        }
                        sums?.storeBytes(
                            of: -sum, toByteOffset: 4 * (index * strip + row), as: Int32.self)
                    }
                }
            }
        }
        (self.memory, scalesOfRows, self.offsets) = (memory, scales, offsets)
        (self.rows, self.columns, self.bits, self.kernels, first) = (
            rows, columns, bits, kernels, 0
        )
    }

    private init(_ factor: IntegerFactor, rows: Range<Int>) {
        self.rows = rows.count
        first = factor.first + rows.lowerBound
        (bits, columns, kernels) = (factor.bits, factor.columns, factor.kernels)
        (memory, scalesOfRows, offsets) = (factor.memory, factor.scalesOfRows, factor.offsets)
    }

    /// Some rows. They share the memory if they start at a multiple of 16, else they are copied.
    package func rows(_ range: Range<Int>) -> IntegerFactor {
        guard range.lowerBound % Int(CK_INTEGER_STRIP) != 0 else {
            return IntegerFactor(self, rows: range)
        }
        return IntegerFactor(
            integers: integers(range), scales: scales.rows(range), bits: bits, kernels: kernels)
    }

    /// The integers `[rows, columns]`, as floats.
    package var integers: Tensor { integers(0..<rows) }

    /// The scale of each row.
    package var scales: Tensor { scalesOfRows.rows(first..<first + rows) }

    /// The rounded matrix `[rows, columns]`.
    package var matrix: Tensor {
        var result = integers
        let (columns, scales) = (columns, scales)
        result.withUnsafeMutableElements { elements in
            scales.withUnsafeElements { scales in
                for index in elements.indices { elements[index] *= scales[index / columns] }
            }
        }
        return result
    }

    private func integers(_ range: Range<Int>) -> Tensor {
        let strip = Int(CK_INTEGER_STRIP)
        let depth = ck_integer_depth(columns)
        let group = bits == 8 ? kernels.byte_group : 2
        var result = Tensor(uninitialized: [range.count, columns])
        withUnsafePointers(writing: &result, reading: memory) { target, base in
            let base = UnsafeRawPointer(base)
            Parallelism.perform(count: range.count) { index in
                let row = first + range.lowerBound + index
                let start = row / strip * strip * depth + row % strip * group
                for p in 0..<columns {
                    let place = start + p / group * strip * group + p % group
                    target[index * columns + p] =
                        bits == 8
                        ? Float(base.load(fromByteOffset: place, as: Int8.self))
                        : Float(base.load(fromByteOffset: 2 * place, as: Int16.self))
                }
            }
        }
        return result
    }

    /// Why a row of integers and its scale cannot be a factor's; nil if they can.
    package static func fault(
        _ integers: UnsafeBufferPointer<Float>, scale: Float, bits: Int
    ) -> String? {
        guard scale.isFinite, scale >= 0 else { return "has the scale \(scale)" }
        let bound = Float(bits == 8 ? 127 : 32767)
        var squares = 0.0
        for integer in integers {
            guard integer.magnitude <= bound else {
                return "holds \(Int(integer)), outside -\(Int(bound))...\(Int(bound))"
            }
            squares += Double(integer * integer)
        }
        return bits == 8 || squares < 0x1p31 ? nil : "is longer than the square root of 2^31"
    }

    /// Multiplies rows by this factor: `C = A Bᵀ + bias + residual`, C row-major.
    ///
    /// A task quantises some rows and multiplies them while they are in cache. Sums of integers are exact, so that the
    /// division into tasks does not show.
    ///
    /// - Parameters:
    ///   - a: the left factor, `[m, columns]`, whose map is applied before it is quantised.
    ///   - c: memory for the product, `[m, rows]`.
    ///   - rowStride: floats from one row of C to the next.
    ///   - bias: one element per column of C.
    ///   - residual: a matrix of C's shape, without gaps.
    /// - Complexity: O(m rows columns) operations; memory for a copy of A in integers, at most.
    package func multiply(
        _ a: MatrixView, into c: UnsafeMutablePointer<Float>, rowStride: Int,
        bias: UnsafePointer<Float>? = nil, residual: UnsafePointer<Float>? = nil
    ) {
        let m = a.rows
        guard m > 0, rows > 0 else { return }
        guard m < manyRows else {
            let tasks = RowTasks(integers: m)
            Parallelism.perform(count: tasks.count) { task in
                let range = tasks[task]
                multiplyRows(
                    a.rows(range), into: c + range.lowerBound * rowStride, rowStride: rowStride,
                    bias: bias, residual: residual.map { $0 + range.lowerBound * rows })
            }
            return
        }
        let left = QuantizedRows(count: m, columns: columns)
        Parallelism.perform(count: (m + 15) / 16) { piece in
            let range = 16 * piece..<min(16 * (piece + 1), m)
            quantize(a.rows(range), into: left, at: range.lowerBound)
        }
        Parallelism.perform(count: (rows + groupWidth - 1) / groupWidth) { group in
            let range = group * groupWidth..<min((group + 1) * groupWidth, rows)
            multiply(
                left, columns: range, into: c, rowStride: rowStride, bias: bias,
                residual: residual)
        }
    }

    /// The same by the calling thread alone.
    func multiplyRows(
        _ a: MatrixView, into c: UnsafeMutablePointer<Float>, rowStride: Int,
        bias: UnsafePointer<Float>?, residual: UnsafePointer<Float>?
    ) {
        let left = QuantizedRows(count: a.rows, columns: columns)
        quantize(a, into: left, at: 0)
        multiply(
            left, columns: 0..<rows, into: c, rowStride: rowStride, bias: bias, residual: residual)
    }

    private func quantize(_ a: MatrixView, into left: QuantizedRows, at first: Int) {
        require(
            a.columns == columns && a.columnStride == 1,
            "IntegerFactor: \(a.rows)x\(a.columns) by \(columns)x\(rows)")
        left.quantize(a, at: first, bits: bits, kernels)
    }

    /// Some columns of the product.
    private func multiply(
        _ left: QuantizedRows, columns range: Range<Int>, into c: UnsafeMutablePointer<Float>,
        rowStride: Int, bias: UnsafePointer<Float>?, residual: UnsafePointer<Float>?
    ) {
        let first = first + range.lowerBound
        let elements = first * ck_integer_depth(columns)
        withUnsafePointers(reading: left, memory, scalesOfRows, offsets) {
            quantized, memory, scales, offsets in
            kernels.product(
                ck_integer_product_task(
                    rows: left.count, columns: range.count, depth: columns,
                    bits: Int32(bits), left: quantized,
                    right: ck_quantized(
                        integers: UnsafeRawPointer(memory) + elements * bits / 8,
                        scales: scales + first, zeros: nil),
                    offsets: offsets.map {
                        (UnsafeRawPointer($0) + 4 * first).assumingMemoryBound(to: Int32.self)
                    },
                    c: c + range.lowerBound, c_row_stride: rowStride,
                    bias: bias.map { $0 + range.lowerBound },
                    residual: residual.map { $0 + range.lowerBound },
                    residual_row_stride: rows))
        }
    }
}

/// Rows of integers and their scales, for a left factor.
private struct QuantizedRows: ElementMemory {
    let count: Int
    /// The scales and the rows' zeros (`ck_quantized`), then the integers, at the start of a cache line.
    private let memory: Storage
    private let start: Int
    private let depth: Int

    init(count: Int, columns: Int) {
        self.count = count
        start = (2 * count + 15) / 16 * 16
        depth = ck_integer_depth(columns)
        memory = Storage(count: start + count * (depth + 1) / 2 + 1)
    }

    var unguardedPointer: ck_quantized {
        let scales = memory.unguardedPointer
        let integers = scales + start
        return ck_quantized(integers: integers, scales: scales, zeros: zeros(scales))
    }

    private func zeros(_ scales: UnsafeMutablePointer<Float>) -> UnsafeMutablePointer<Int32> {
        UnsafeMutableRawPointer(scales + count).assumingMemoryBound(to: Int32.self)
    }

    /// Quantises some rows, the first of which is row `first` here.
    func quantize(_ rows: MatrixView, at first: Int, bits: Int, _ kernels: IntegerKernels) {
        let size = kernels.multipliesBytes(bits: bits) ? 1 : 2
        var map = rows.map.ofRows
        withUnsafePointers(reading: memory, Storage(count: rows.columns)) { scales, line in
            kernels.quantize(
                rows.rows, rows.columns, rows.base, rows.rowStride, &map, Int32(bits), true,
                UnsafeMutableRawPointer(scales + start) + first * depth * size, scales + first,
                zeros(scales) + first, line)
        }
    }
}

extension MatrixView.Map {
    fileprivate var ofRows: ck_row_map {
        switch self {
        case .identity: ck_row_map(kind: CK_IDENTITY, weight: nil, bias: nil, epsilon: 0)
        case .gelu: ck_row_map(kind: CK_GELU, weight: nil, bias: nil, epsilon: 0)
        case .layerNorm(let weight, let bias, let epsilon):
            ck_row_map(kind: CK_LAYER_NORM, weight: weight, bias: bias, epsilon: epsilon)
        }
    }
}
