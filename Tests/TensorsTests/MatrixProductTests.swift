import CKernels
import Tensors
import Testing

/// The door `multiply`, with our own product and with BLAS behind it, and the tensor's products.
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

    @Test(
        "Every way through the door gives the plain sums", arguments: KernelSet.all,
        [false, true])
    func isPlainSum(set: KernelSet, transposed: Bool) {
        for e in Self.extents {
            var noise = Noise(seed: UInt64(e.m + e.n))
            let a = noise.tensor([e.m, e.k])
            let b = noise.tensor([e.k, e.n])
            let bias = noise.tensor([e.n])
            let residual = noise.tensor([e.m, e.n])
            let result = GuardedMatrix(rows: e.m, columns: e.n)
            withExtendedLifetime((a, b, bias, residual)) {
                var left = MatrixView(a.base, rows: e.m, columns: e.k)
                var right = MatrixView(b.base, rows: e.k, columns: e.n)
                let turned = (turn(a), turn(b))
                if transposed {
                    left = MatrixView(turned.0.base, rows: e.k, columns: e.m).transposed
                    right = MatrixView(turned.1.base, rows: e.n, columns: e.k).transposed
                }
                withExtendedLifetime(turned) {
                    multiply(
                        left, right, into: result.base, rowStride: result.rowStride,
                        epilogue: Epilogue(
                            bias: bias.base, residual: residual.base, residual_row_stride: e.n,
                            gelu: false), kernels: set.kernels)
                }
            }
            #expect(result.isWrittenExactly, "\(e)")
            let expected = plain(a, b)
            for i in 0..<e.m {
                for j in 0..<e.n {
                    let sum = expected[i * e.n + j] + Double(bias[j]) + Double(residual[i, j])
                    // A random walk of roundings of sums that stay below the root of k and 2.
                    let length = Double(e.k).squareRoot() + 2
                    let isNear = abs(Double(result[i, j]) - sum) <= 2 * rounding * length * length
                    #expect(isNear, "\(e) (\(i), \(j)): \(result[i, j]), expected \(sum)")
                    if !isNear { return }
                }
            }
        }
    }

    @Test(
        "A product is added to what is there, and what its activation takes is stored",
        arguments: KernelSet.all, [false, true])
    func sumsAndBefore(set: KernelSet, transposed: Bool) {
        for e in Self.extents + [Extents(m: 600, n: 50, k: 800)] {
            var noise = Noise(seed: UInt64(e.m + e.k))
            let a = noise.tensor([e.m, e.k])
            let b = noise.tensor([e.k, e.n])
            let bias = noise.tensor([e.n])
            let turned = turn(a)
            let start = noise.tensor([e.m, e.n])
            let sum = GuardedMatrix(rows: e.m, columns: e.n)
            let result = GuardedMatrix(rows: e.m, columns: e.n)
            let before = GuardedMatrix(rows: e.m, columns: e.n)
            for i in 0..<e.m {
                for j in 0..<e.n { sum.base[i * sum.rowStride + j] = start[i, j] }
            }
            withExtendedLifetime((a, b, turned, bias)) {
                let left =
                    transposed
                    ? MatrixView(turned.base, rows: e.k, columns: e.m).transposed
                    : MatrixView(a.base, rows: e.m, columns: e.k)
                let right = MatrixView(b.base, rows: e.k, columns: e.n)
                multiply(
                    left, right, into: sum.base, rowStride: sum.rowStride,
                    epilogue: Epilogue(accumulates: true), kernels: set.kernels)
                var epilogue = Epilogue(
                    bias: bias.base, residual: nil, residual_row_stride: 0, gelu: true)
                epilogue.before = before.base
                epilogue.before_row_stride = before.rowStride
                multiply(
                    left, right, into: result.base, rowStride: result.rowStride,
                    epilogue: epilogue, kernels: set.kernels)
            }
            #expect(sum.isWrittenExactly && result.isWrittenExactly && before.isWrittenExactly)
            let expected = plain(a, b)
            // As in `isPlainSum`; GELU's slope is below 1.13, and its own error 1e-7.
            let length = Double(e.k).squareRoot() + 2
            let tolerance = 2 * rounding * length * length
            for i in 0..<e.m {
                for j in 0..<e.n {
                    let product = expected[i * e.n + j]
                    let x = product + Double(bias[j])
                    let isNear =
                        abs(Double(sum[i, j]) - product - Double(start[i, j])) <= tolerance
                        && abs(Double(before[i, j]) - x) <= tolerance
                        && abs(Double(result[i, j]) - exactGELU(x)) <= 1.13 * tolerance + 1e-7
                    #expect(isNear, "\(e) (\(i), \(j))")
                    if !isNear { return }
                }
            }
        }
    }

    @Test("A view with both strides above 1 is multiplied too", arguments: KernelSet.all)
    func spreadView(set: KernelSet) {
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

    @Test("Neither threads nor further rows change a bit")
    func threadsAndRows() {
        var noise = Noise(seed: 9)
        let x = noise.tensor([2100, 70])
        let weight = noise.tensor([1100, 70])
        let bias = noise.tensor([1100])
        let residual = noise.tensor([2100, 1100])
        let results = underThreads {
            x.linear(weight: weight, bias: bias, activation: .gelu, adding: residual)
        }
        #expect(results[1].isIdentical(to: results[0]))
        #expect(results[2].isIdentical(to: results[0]))
        for range in [0..<1, 5..<38, 1040..<2100] {
            let part = x.rows(range).linear(
                weight: weight, bias: bias, activation: .gelu, adding: residual.rows(range))
            #expect(part.isIdentical(to: results[0].rows(range)))
        }
        // Some of the outputs alone: what a pass does that ends early.
        let some = x.linear(weight: weight.rows(300..<437), bias: bias.rows(300..<437))
        let all = x.linear(weight: weight, bias: bias)
        #expect(some.isIdentical(to: all.columns(300..<437)))
    }

    @Test("The tensor's products and its linear map")
    func tensorProducts() {
        var noise = Noise(seed: 10)
        let a = noise.tensor([5, 6])
        let b = noise.tensor([6, 7])
        let expected = plain(a, b)
        let batch = a.reshaped(to: [1, 5, 6]).linear(weight: turn(b))
        #expect(batch.shape == [1, 5, 7])
        for product in [a.product(b), a.product(transposed: turn(b)), batch] {
            for (x, y) in zip(product.elements, expected) {
                #expect(abs(Double(x) - y) <= 20 * rounding)
            }
        }
        #expect(Tensor([], shape: [0, 6]).product(b).shape == [0, 7])
        #expect(
            Tensor([], shape: [5, 0]).product(Tensor([], shape: [0, 7]))
                == Tensor(repeating: 0, shape: [5, 7]))
    }

    private func turn(_ matrix: Tensor) -> Tensor {
        let (rows, columns) = (matrix.shape[0], matrix.shape[1])
        let elements = matrix.elements
        return Tensor(
            (0..<rows * columns).map { elements[$0 % rows * columns + $0 / rows] },
            shape: [columns, rows])
    }

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
