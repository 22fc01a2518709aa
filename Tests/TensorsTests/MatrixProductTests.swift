import CKernels
import Tensors
import Testing

/// The entry point `multiply`, which computes by the kernels or by BLAS, and the tensor's products.
@Suite struct MatrixProductTests {
    private struct Extents {
        var m: Int
        var n: Int
        var k: Int
    }

    private static let extents = [
        Extents(m: 1, n: 1, k: 1), Extents(m: 3, n: 200, k: 1), Extents(m: 1, n: 130, k: 40),
        Extents(m: 130, n: 1, k: 40), Extents(m: 2, n: 3, k: 0), Extents(m: 1030, n: 101, k: 9),
        Extents(m: 7, n: 1100, k: 33), Extents(m: 50, n: 97, k: 500),
    ]

    @Test(arguments: KernelSet.all, [false, true])
    func multiplyMatchesPlainSums(set: KernelSet, transposed: Bool) {
        for e in Self.extents {
            var noise = Noise(seed: UInt64(e.m + e.n))
            let a = noise.tensor([e.m, e.k])
            let b = noise.tensor([e.k, e.n])
            let bias = noise.tensor([e.n])
            let residual = noise.tensor([e.m, e.n])
            let result = GuardedMatrix(rows: e.m, columns: e.n)
            let stored = transposed ? (plainTranspose(a), plainTranspose(b)) : (a, b)
            withUnsafePointers(reading: stored.0, stored.1, bias, residual) {
                let left = MatrixView($0, stored.0.shape)
                let right = MatrixView($1, stored.1.shape)
                multiply(
                    transposed ? left.transposed : left, transposed ? right.transposed : right,
                    into: result.base, rowStride: result.rowStride,
                    epilogue: Epilogue(
                        bias: $2, residual: $3, residual_row_stride: e.n, slope_at: nil,
                        slope_row_stride: 0), kernels: set.kernels)
            }
            #expect(result.isWrittenExactly, "\(e)")
            let expected = plain(a, b)
            for i in 0..<e.m {
                for j in 0..<e.n {
                    let sum = expected[i * e.n + j] + Double(bias[j]) + Double(residual[i, j])
                    // A random walk of roundings of sums that stay below the square root of k, plus 2.
                    let length = Double(e.k).squareRoot() + 2
                    let isNear = abs(Double(result[i, j]) - sum) <= 2 * rounding * length * length
                    #expect(isNear, "\(e) (\(i), \(j)): \(result[i, j]), expected \(sum)")
                    if !isNear { return }
                }
            }
        }
    }

    @Test(arguments: KernelSet.all, [false, true])
    func multiplyAccumulatesAndAppliesGELUSlopes(set: KernelSet, transposed: Bool) {
        for e in Self.extents + [Extents(m: 600, n: 50, k: 800), Extents(m: 50, n: 600, k: 800)] {
            var noise = Noise(seed: UInt64(e.m + e.k))
            let a = noise.tensor([e.m, e.k])
            let b = noise.tensor([e.k, e.n])
            let at = noise.tensor([e.m, e.n], scale: 3)
            let storedA = transposed ? plainTranspose(a) : a
            let start = noise.tensor([e.m, e.n])
            let sum = GuardedMatrix(rows: e.m, columns: e.n)
            let result = GuardedMatrix(rows: e.m, columns: e.n)
            for i in 0..<e.m {
                for j in 0..<e.n { sum.base[i * sum.rowStride + j] = start[i, j] }
            }
            withUnsafePointers(reading: storedA, b, at) {
                let view = MatrixView($0, storedA.shape)
                let left = transposed ? view.transposed : view
                let right = MatrixView($1, b.shape)
                multiply(
                    left, right, into: sum.base, rowStride: sum.rowStride, accumulates: true,
                    kernels: set.kernels)
                var epilogue = Epilogue()
                epilogue.slope_at = $2
                epilogue.slope_row_stride = e.n
                multiply(
                    left, right, into: result.base, rowStride: result.rowStride,
                    epilogue: epilogue, kernels: set.kernels)
            }
            #expect(sum.isWrittenExactly && result.isWrittenExactly)
            let expected = plain(a, b)
            // As in `multiplyMatchesPlainSums`; GELU's slope is below 1.13 and accurate to 3e-7.
            let length = Double(e.k).squareRoot() + 2
            let tolerance = 2 * rounding * length * length
            for i in 0..<e.m {
                for j in 0..<e.n {
                    let product = expected[i * e.n + j]
                    let isNear =
                        abs(Double(sum[i, j]) - product - Double(start[i, j])) <= tolerance
                        && abs(Double(result[i, j]) - product * exactGELUSlope(Double(at[i, j])))
                            <= 1.13 * tolerance + 3e-7 * abs(product)
                    #expect(isNear, "\(e) (\(i), \(j))")
                    if !isNear { return }
                }
            }
        }
    }

    @Test(arguments: KernelSet.all, [false, true])
    func multiplyMapsEitherFactor(set: KernelSet, isNorm: Bool) {
        for e in [
            Extents(m: 300, n: 40, k: 500), Extents(m: 40, n: 300, k: 500),
            Extents(m: 9, n: 5, k: 3),
        ] {
            var noise = Noise(seed: UInt64(e.m))
            let a = noise.tensor([e.m, e.k])
            let b = noise.tensor([e.k, e.n])
            func mapped(_ x: Tensor) -> (tensor: Tensor, norm: [Tensor]) {
                let weight = noise.tensor([x.shape[1]])
                let bias = noise.tensor([x.shape[1]])
                let values =
                    isNorm ? x.layerNorm(weight: weight, bias: bias, epsilon: 1e-6) : x.gelu()
                return (values, [weight, bias])
            }
            let (left, right) = (mapped(a), mapped(b))
            func map(_ norm: [UnsafePointer<Float>]) -> MatrixView.Map {
                isNorm ? .layerNorm(weight: norm[0], bias: norm[1], epsilon: 1e-6) : .gelu
            }
            let result = GuardedMatrix(rows: e.m, columns: e.n)
            withUnsafePointers(reading: a, b, left.norm, right.norm) {
                multiply(
                    MatrixView($0, a.shape, map: map($2)), MatrixView($1, b.shape, map: map($3)),
                    into: result.base, rowStride: result.rowStride, kernels: set.kernels)
            }
            #expect(result.isWrittenExactly, "\(e)")
            // The maps have tests of their own. Terms reach a few units, the map of an instruction set may
            // round differently, and the errors of a sum are a random walk.
            for (x, y) in zip(result.elements, plain(left.tensor, right.tensor)) {
                let isNear = abs(Double(x) - y) <= 40 * rounding * Double(e.k + 4)
                #expect(isNear, "\(e): \(x), expected \(y)")
                if !isNear { return }
            }
        }
    }

    @Test(arguments: KernelSet.all)
    func multipliesViewsWithBothStridesAboveOne(set: KernelSet) {
        var noise = Noise(seed: 8)
        let a = GuardedMatrix(rows: 9, columns: 30, layout: .spread) { noise.next() }
        let b = GuardedMatrix(rows: 30, columns: 40, layout: .spread) { noise.next() }
        let result = GuardedMatrix(rows: 9, columns: 40)
        func view(_ matrix: GuardedMatrix) -> MatrixView {
            MatrixView(
                matrix.base, rows: matrix.rows, columns: matrix.columns,
                rowStride: matrix.rowStride, columnStride: matrix.columnStride)
        }
        multiply(
            view(a), view(b), into: result.base, rowStride: result.rowStride, kernels: set.kernels)
        let expected = plain(
            Tensor(a.elements, shape: [9, 30]), Tensor(b.elements, shape: [30, 40]))
        #expect(result.isWrittenExactly)
        for (x, y) in zip(result.elements, expected) {
            #expect(abs(Double(x) - y) <= 60 * rounding)
        }
    }

    @Test func linearIsIdenticalForAnyThreadCountAndRowRange() {
        var noise = Noise(seed: 9)
        let x = noise.tensor([2100, 70])
        let weight = noise.tensor([1100, 70])
        let bias = noise.tensor([1100])
        let residual = noise.tensor([2100, 1100])
        let results = withEachThreadCount {
            x.linear(weight: weight, bias: bias, after: .gelu, adding: residual)
        }
        #expect(results[1].isIdentical(to: results[0]))
        #expect(results[2].isIdentical(to: results[0]))
        for range in [0..<1, 5..<38, 1040..<2100] {
            let part = x.rows(range).linear(
                weight: weight, bias: bias, after: .gelu, adding: residual.rows(range))
            #expect(part.isIdentical(to: results[0].rows(range)))
        }
        // Only some of the outputs, as in a pass that ends early.
        let some = x.linear(weight: weight.rows(300..<437), bias: bias.rows(300..<437))
        let all = x.linear(weight: weight, bias: bias)
        #expect(some.isIdentical(to: all.columns(300..<437)))
    }

    @Test func tensorProductsAndLinearMatchPlainSums() {
        var noise = Noise(seed: 10)
        let a = noise.tensor([5, 6])
        let b = noise.tensor([6, 7])
        let expected = plain(a, b)
        let batch = a.reshaped(to: [1, 5, 6]).linear(weight: plainTranspose(b))
        #expect(batch.shape == [1, 5, 7])
        for product in [a.product(b), a.product(transposed: plainTranspose(b)), batch] {
            for (x, y) in zip(product.elements, expected) {
                #expect(abs(Double(x) - y) <= 20 * rounding)
            }
        }
        #expect(Tensor([], shape: [0, 6]).product(b).shape == [0, 7])
        #expect(
            Tensor([], shape: [5, 0]).product(Tensor([], shape: [0, 7]))
                == Tensor(repeating: 0, shape: [5, 7]))
    }

    /// The product in double precision, row by row.
    private func plain(_ a: Tensor, _ b: Tensor) -> [Double] {
        let (m, n, k) = (a.shape[0], b.shape[1], a.shape[1])
        let left = a.elements
        let right = b.elements
        var sums = [Double](repeating: 0, count: m * n)
        for i in 0..<m {
            for p in 0..<k {
                let x = Double(left[i * k + p])
                for j in 0..<n { sums[i * n + j] += x * Double(right[p * n + j]) }
            }
        }
        return sums
    }
}
