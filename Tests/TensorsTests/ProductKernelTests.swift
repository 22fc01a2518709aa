import CKernels
import Foundation
import Tensors
import Testing

/// The kernels `product` and `finish` against sums in double precision.
@Suite struct ProductKernelTests {
    /// The extents, layouts and epilogue of a product.
    struct Case {
        var m: Int
        var n: Int
        var k: Int
        var a = GuardedMatrix.Layout.rows
        var b = GuardedMatrix.Layout.rows
        var hasBias = false
        var hasResidual = false
        var hasSlope = false
    }

    /// Every extent of each dimension several times, in seeded random combinations.
    static let cases: [Case] = {
        let extents = [1, 2, 5, 7, 8, 17, 31, 48, 63, 97, 385]
        let depths = extents + [1000]
        var noise = Noise(seed: 1)
        var cases: [Case] = []
        for round in 0..<6 {
            let ms = noise.shuffled(extents)
            let ns = noise.shuffled(extents)
            for (i, k) in noise.shuffled(depths).enumerated() {
                cases.append(
                    Case(
                        m: ms[i % ms.count], n: ns[i % ns.count], k: k,
                        a: noise.index(below: 2) == 0 ? .rows : .columns,
                        b: GuardedMatrix.Layout.allCases[noise.index(below: 3)],
                        hasBias: (i + round) % 2 == 0, hasResidual: (i + round) % 3 == 0,
                        hasSlope: (i / 2 + round) % 4 == 0))
            }
        }
        // An empty sum is 0.
        cases.append(Case(m: 5, n: 17, k: 0))
        cases.append(
            Case(m: 9, n: 50, k: 0, hasBias: true, hasResidual: true, hasSlope: true))
        return cases
    }()

    @Test(arguments: KernelSet.all)
    func productWithEpilogueMatchesPlainSum(set: KernelSet) {
        for (seed, c) in Self.cases.enumerated() {
            var noise = Noise(seed: UInt64(seed))
            let a = GuardedMatrix(rows: c.m, columns: c.k, layout: c.a) { noise.next() }
            let b = GuardedMatrix(rows: c.k, columns: c.n, layout: c.b) { noise.next() }
            let bias = GuardedMatrix(rows: 1, columns: c.n) { noise.next() }
            let residual = GuardedMatrix(rows: c.m, columns: c.n) { noise.next() }
            let at = GuardedMatrix(rows: c.m, columns: c.n) { 3 * noise.next() }
            let result = GuardedMatrix(rows: c.m, columns: c.n)
            let epilogue = ck_epilogue(
                bias: c.hasBias ? UnsafePointer(bias.base) : nil,
                residual: c.hasResidual ? UnsafePointer(residual.base) : nil,
                residual_row_stride: residual.rowStride,
                slope_at: c.hasSlope ? UnsafePointer(at.base) : nil, slope_row_stride: at.rowStride)
            set.kernels.multiply(a, b, into: result, epilogue)

            #expect(result.isWrittenExactly, "\(c)")
            let excess = worst(result, a, b, epilogue, set)
            #expect(excess <= 1, "\(c): \(excess) times the tolerance")
        }
    }

    @Test(arguments: KernelSet.all)
    func rowsAndColumnsOfAnyMagnitudeAreAccurate(set: KernelSet) {
        // Magnitudes whose squares overflow or underflow, with others that bring the sums back into range;
        // each row and column has its own.
        let sizes: [Float] = [1, 1e25, 1e-25, 1e30, 1e-30, 1e-15]
        let m = 13
        let n = 53
        for k in [7, 64, 385] {
            var noise = Noise(seed: UInt64(k))
            let a = GuardedMatrix(rows: m, columns: k) { noise.next() }
            let b = GuardedMatrix(rows: k, columns: n) { noise.next() }
            for i in 0..<m { for p in 0..<k { a.memory[i * a.rowStride + p] *= sizes[i % 6] } }
            for j in 0..<n { for p in 0..<k { b.memory[p * b.rowStride + j] *= sizes[j / 6 % 6] } }
            let result = GuardedMatrix(rows: m, columns: n)
            set.kernels.multiply(a, b, into: result, ck_epilogue())
            for i in 0..<m {
                for j in 0..<n {
                    let terms = (0..<k).map { Double(a[i, $0]) * Double(b[$0, j]) }
                    let expected = terms.reduce(0, +)
                    // No accuracy is promised outside the range of floats, which includes products of
                    // parts of a sum.
                    let magnitude = Double(sizes[i % 6]) * Double(sizes[j / 6 % 6])
                    guard (1e-25...1e30).contains(magnitude) else { continue }
                    #expect(
                        abs(Double(result[i, j]) - expected)
                            <= 8 * Double(k).squareRoot() * rounding * magnitude * 4,
                        "depth \(k), row \(sizes[i % 6]), column \(sizes[j / 6 % 6])")
                }
            }
        }
    }

    @Test(arguments: KernelSet.all)
    func finishAppliesEpilogueInPlace(set: KernelSet) {
        for n in [1, 3, 4, 5, 7, 8, 15, 16, 17, 31, 48, 63, 97] {
            for choice in 0..<8 {
                var noise = Noise(seed: UInt64(n * 8 + choice))
                let given = GuardedMatrix(rows: 3, columns: n) { 4 * noise.next() }
                let result = GuardedMatrix(rows: 3, columns: n)
                result.memory.base.update(from: given.base, count: given.memory.count)
                let bias = GuardedMatrix(rows: 1, columns: n) { noise.next() }
                let residual = GuardedMatrix(rows: 3, columns: n, layout: .rows) { noise.next() }
                let at = GuardedMatrix(rows: 3, columns: n) { 3 * noise.next() }
                let epilogue = ck_epilogue(
                    bias: choice & 1 != 0 ? UnsafePointer(bias.base) : nil,
                    residual: choice & 2 != 0 ? UnsafePointer(residual.base) : nil,
                    residual_row_stride: residual.rowStride,
                    slope_at: choice & 4 != 0 ? UnsafePointer(at.base) : nil,
                    slope_row_stride: at.rowStride)
                set.kernels.finish(3, n, result.base, result.rowStride, epilogue)
                #expect(result.isWrittenExactly)
                for r in 0..<3 {
                    for j in 0..<n {
                        let sum = (value: Double(given[r, j]), tolerance: 0.0)
                        let expected = finished(sum, epilogue, r, j)
                        #expect(abs(Double(result[r, j]) - expected.value) <= expected.tolerance)
                    }
                }
            }
        }
    }

    @Test(arguments: KernelSet.all)
    func elementsAreIdenticalForAnyExtentsAndPosition(set: KernelSet) {
        for k in [1, 63, 385, 1000] {
            var noise = Noise(seed: UInt64(k))
            let a = GuardedMatrix(rows: 60, columns: k) { noise.next() }
            let b = GuardedMatrix(rows: k, columns: 113) { noise.next() }
            let bias = GuardedMatrix(rows: 1, columns: 113) { noise.next() }
            func product(_ rows: Range<Int>, _ columns: Range<Int>) -> GuardedMatrix {
                let result = GuardedMatrix(rows: rows.count, columns: columns.count)
                var epilogue = ck_epilogue()
                epilogue.bias = UnsafePointer(bias.base + columns.lowerBound)
                set.kernels.multiply(a, b, rows: rows, columns: columns, into: result, epilogue)
                return result
            }
            let whole = product(0..<60, 0..<113)
            for (rows, columns) in [
                (0..<1, 0..<1), (59..<60, 112..<113), (7..<20, 5..<54), (3..<11, 16..<113),
                (30..<37, 47..<64), (1..<60, 1..<113),
            ] {
                let part = product(rows, columns)
                let expected = rows.flatMap { r in columns.map { whole[r, $0] } }
                #expect(bits(part.elements) == bits(expected), "\(k) \(rows) \(columns)")
            }
        }
    }

    /// The largest error of any element, as a multiple of the tolerance.
    private func worst(
        _ result: GuardedMatrix, _ a: GuardedMatrix, _ b: GuardedMatrix, _ epilogue: ck_epilogue,
        _ set: KernelSet
    ) -> Double {
        func largest(_ x: [Double]) -> Double { x.reduce(0) { max($0, abs($1)) } }
        let k = a.columns
        var worst = 0.0
        let right = (0..<b.columns).map { j in (0..<k).map { Double(b[$0, j]) } }
        for i in 0..<result.rows {
            let left = (0..<k).map { Double(a[i, $0]) }
            for j in 0..<result.columns {
                var sum = 0.0
                var magnitude = 0.0
                for p in 0..<k {
                    let term = left[p] * right[j][p]
                    sum += term
                    magnitude += abs(term)
                }
                // Each of k steps rounds a partial sum by at most one part in 2^24 either way: a random
                // walk, which rarely exceeds twice the square root of its length.
                var tolerance = (2 * Double(k).squareRoot() + 2) * rounding * magnitude
                if set.kernels.split != nil {
                    // The elements of a line are rounded by at most 2^-23 of its largest, independently.
                    tolerance +=
                        2 * rounding
                        * (largest(left) * norm(right[j]) + largest(right[j]) * norm(left))
                }
                let expected = finished((sum, tolerance), epilogue, i, j)
                let error = abs(Double(result[i, j]) - expected.value)
                worst = max(worst, error.isNaN ? .infinity : error / expected.tolerance)
            }
        }
        return worst
    }

    /// A sum after the epilogue, and its tolerance.
    private func finished(
        _ sum: (value: Double, tolerance: Double), _ epilogue: ck_epilogue, _ row: Int,
        _ column: Int
    ) -> (value: Double, tolerance: Double) {
        var (value, tolerance) = sum
        if let bias = epilogue.bias {
            value += Double(bias[column])
            tolerance += rounding * abs(value)
        }
        if let residual = epilogue.residual {
            value += Double(residual[row * epilogue.residual_row_stride + column])
            tolerance += rounding * abs(value)
        }
        if let at = epilogue.slope_at {
            let slope = exactGELUSlope(Double(at[row * epilogue.slope_row_stride + column]))
            // The kernel's slope is as accurate as its Phi and its exponential, 1e-7 each.
            tolerance = 1.13 * tolerance + 3e-7 * abs(value)
            value *= slope
        }
        return (value, tolerance + 1e-30)
    }
}

/// x Phi(x) by the C library's `erfc`, which avoids cancellation.
func exactGELU(_ x: Double) -> Double {
    x * erfc(-x / 2.0.squareRoot()) / 2
}

/// Phi(x) + x phi(x), GELU's derivative.
func exactGELUSlope(_ x: Double) -> Double {
    erfc(-x / 2.0.squareRoot()) / 2 + x * exp(-x * x / 2) / (2 * Double.pi).squareRoot()
}

extension Kernels {
    /// Computes a product directly by this instruction set's kernels, as a single task.
    func multiply(
        _ a: GuardedMatrix, _ b: GuardedMatrix, rows: Range<Int>? = nil,
        columns: Range<Int>? = nil, into result: GuardedMatrix, _ epilogue: ck_epilogue
    ) {
        let (rows, columns) = (rows ?? 0..<a.rows, columns ?? 0..<b.columns)
        let k = a.columns
        let blocks = ck_depth_blocks(k)
        for block in 0..<blocks {
            let start = k * block / blocks
            let depth = k * (block + 1) / blocks - start
            let packed = GuardedFloats(count: ck_packed_block(depth, columns.count))
            let source = b.base + start * b.rowStride + columns.lowerBound * b.columnStride
            pack(
                depth, columns.count,
                ck_matrix(first: source, row_stride: b.rowStride, column_stride: b.columnStride),
                packed.base)
            var left = ck_matrix(
                first: a.base + rows.lowerBound * a.rowStride + start * a.columnStride,
                row_stride: a.rowStride, column_stride: a.columnStride)
            let balanced = GuardedFloats(
                count: split == nil
                    ? ck_balanced_block(rows.count, depth) : ck_split_block(rows.count, depth))
            if let balance {
                balance(rows.count, depth, left, balanced.base)
                left = ck_matrix(first: balanced.base, row_stride: 0, column_stride: 0)
            }
            let copy = GuardedFloats(count: ck_split_block(columns.count, depth))
            if let split { split(depth, columns.count, packed.base, copy.base) }
            let right = split == nil ? packed.base : copy.base
            product(
                ck_product_task(
                    rows: rows.count, columns: columns.count, depth: depth, left: left,
                    packed: right, next: block % 2 == 0 ? right : nil, c: result.base,
                    c_row_stride: result.rowStride, accumulates: block > 0,
                    epilogue: block == blocks - 1 ? epilogue : ck_epilogue()))
        }
    }
}
