import CKernels
import Tensors
import Testing

/// Products of rows and columns of every magnitude: an element's error is proportional to the norms of its row and its
/// column, and a row or column of zeros gives zeros.
@Suite struct ProductLineTests {
    /// A row of A or a column of B.
    enum Line: CaseIterable {
        case ordinary, zero
        /// Zeros in the first half of the depth: in a deep product, throughout its first block.
        case zeroAtFirst
        case tiny
        case subnormal
        /// Multiples, up to 3, of the least subnormal number.
        case least
        /// Ordinary numbers and one of 1e4.
        case outlier
        /// Ordinary numbers and one of 1e30.
        case farOutlier

        func numbers(_ count: Int, _ noise: inout Noise) -> [Float] {
            var numbers = (0..<count).map { _ in noise.next() }
            switch self {
            case .ordinary: break
            case .zero: numbers = numbers.map { _ in 0 }
            case .zeroAtFirst: for p in 0..<count / 2 { numbers[p] = 0 }
            case .tiny: numbers = numbers.map { $0 * 1e-30 }
            case .subnormal: numbers = numbers.map { $0 * 0x1p-133 }
            case .least:
                numbers = numbers.map { (3 * $0).rounded() * Float.leastNonzeroMagnitude }
            case .outlier: numbers[noise.index(below: count)] = 1e4
            case .farOutlier: numbers[noise.index(below: count)] = 1e30
            }
            return numbers
        }
    }

    /// Two factors with rows and columns of every kind, and their product in double precision.
    struct Case {
        let m: Int
        let n: Int
        let k: Int
        /// [m, k].
        let a: Tensor
        /// [n, k]: the columns of B.
        let b: Tensor
        let expected: [Double]
        /// |row| |column| for each element.
        let norms: [Double]

        init(m: Int, n: Int, k: Int) {
            (self.m, self.n, self.k) = (m, n, k)
            var noise = Noise(seed: UInt64(m + n + k))
            func lines(_ count: Int) -> [[Float]] {
                (0..<count).map { Line.allCases[$0 % Line.allCases.count].numbers(k, &noise) }
            }
            let (rows, columns) = (lines(m), lines(n))
            a = Tensor(rows.flatMap { $0 }, shape: [m, k])
            b = Tensor(columns.flatMap { $0 }, shape: [n, k])
            let pairs = rows.flatMap { row in columns.map { (row, $0) } }
            expected = pairs.map { inner($0, $1) }
            norms = pairs.map { (inner($0, $0) * inner($1, $1)).squareRoot() }
        }

        func kind(ofLine index: Int) -> Line { Line.allCases[index % Line.allCases.count] }

        func isZero(_ row: Int, _ column: Int) -> Bool {
            kind(ofLine: row) == .zero || kind(ofLine: column) == .zero
        }

        /// The product by the kernel of an instruction set.
        func kernelProduct(_ set: KernelSet) -> [Float] {
            func guarded(_ matrix: Tensor) -> GuardedMatrix {
                var elements = matrix.elements.makeIterator()
                return GuardedMatrix(rows: matrix.shape[0], columns: matrix.shape[1]) {
                    elements.next() ?? .nan
                }
            }
            let result = GuardedMatrix(rows: m, columns: n)
            set.kernels.multiply(
                guarded(a), guarded(plainTranspose(b)), into: result, ck_epilogue())
            return result.elements
        }

        /// The product by `multiply`; A and B are stored row by row or transposed.
        func product(
            _ set: KernelSet, transposed: Bool = false, accumulatingInto start: Tensor? = nil,
            epilogue: Epilogue? = nil
        ) -> [Float] {
            var result = start ?? Tensor(repeating: .nan, shape: [m, n])
            let a = transposed ? plainTranspose(self.a) : self.a
            let b = transposed ? plainTranspose(self.b) : self.b
            withUnsafePointers(writing: &result, reading: a, b) {
                let (left, right) = (MatrixView($1, a.shape), MatrixView($2, b.shape))
                multiply(
                    transposed ? left.transposed : left, transposed ? right : right.transposed,
                    into: $0, rowStride: n, accumulates: start != nil, epilogue: epilogue,
                    kernels: set.kernels)
            }
            return result.elements
        }
    }

    /// More rows than columns and fewer; depths of one block, full or partial, and of two.
    static let cases = [
        Case(m: 40, n: 25, k: 7), Case(m: 20, n: 67, k: 48), Case(m: 33, n: 19, k: 64),
        Case(m: 17, n: 50, k: 386),
    ]

    /// How a product is computed.
    enum Route: CaseIterable { case kernel, multiply, transposedMultiply }

    @Test(arguments: KernelSet.all, Route.allCases)
    func errorIsProportionalToNormsAndZerosStayZero(set: KernelSet, route: Route) {
        for c in Self.cases {
            let result =
                switch route {
                case .kernel: c.kernelProduct(set)
                case .multiply: c.product(set)
                case .transposedMultiply: c.product(set, transposed: true)
                }
            var worst: (share: Double, name: String) = (0, "")
            for (index, value) in result.enumerated() {
                let (row, column) = (index / c.n, index % c.n)
                let name = "\(c.m)x\(c.n)x\(c.k): \(c.kind(ofLine: row)) \(c.kind(ofLine: column))"
                if c.isZero(row, column) {
                    #expect(value.bitPattern == 0, "\(name): \(value)")
                    continue
                }
                // Nothing is promised where products leave the range of floats.
                guard c.norms[index] < Double(Float.greatestFiniteMagnitude) else { continue }
                // Each of k products may lose up to the spacing of subnormals.
                let lost = Double(c.k) * Double(Float.leastNonzeroMagnitude)
                let share =
                    abs(Double(value) - c.expected[index]) / (1e-6 * c.norms[index] + lost)
                if !(share <= worst.share) { worst = (share, name) }
            }
            #expect(worst.share <= 1, "\(worst)")
        }
    }

    /// Sums, biases, residuals and slopes are as without the product.
    @Test(arguments: KernelSet.all)
    func zeroRowsAndColumnsLeaveEpiloguesExact(set: KernelSet) {
        for c in Self.cases {
            var noise = Noise(seed: 3)
            let start = noise.tensor([c.m, c.n])
            let bias = noise.tensor([c.n])
            let sums = c.product(set, accumulatingInto: start)
            let (fused, sloped) = withUnsafePointers(reading: start, bias) {
                (
                    c.product(
                        set,
                        epilogue: Epilogue(
                            bias: $1, residual: $0, residual_row_stride: c.n,
                            slope_at: nil, slope_row_stride: 0)),
                    c.product(
                        set,
                        epilogue: Epilogue(
                            bias: nil, residual: nil, residual_row_stride: 0,
                            slope_at: $0, slope_row_stride: c.n))
                )
            }
            for index in 0..<c.m * c.n where c.isZero(index / c.n, index % c.n) {
                let given = start.elements[index]
                #expect(sums[index] == given)
                #expect(fused[index] == bias.elements[index % c.n] + given)
                #expect(sloped[index] == 0)
            }
        }
    }

    @Test(arguments: KernelSet.all)
    func zerosOfMappedFactorsGiveZeros(set: KernelSet) {
        let (m, n, k) = (37, 21, 70)
        var noise = Noise(seed: 5)
        // GELU keeps zeros; a layer norm without a bias gives zeros for a row of zeros and for a column whose
        // weight is 0.
        func isZero(_ row: Int, _ column: Int) -> Bool { row % 3 == 1 || column % 5 == 2 }
        let x = Tensor(
            (0..<m * k).map { isZero($0 / k, $0 % k) ? 0 : noise.next() }, shape: [m, k])
        let other = noise.tensor([k, n])
        let wide = noise.tensor([n, m])
        let weight = Tensor((0..<k).map { isZero(0, $0) ? 0 : noise.next() }, shape: [k])
        let bias = Tensor(repeating: 0, shape: [k])
        withUnsafePointers(reading: x, other, wide, weight, bias) {
            x, other, wide, weight, bias in
            for map in [
                MatrixView.Map.gelu,
                .layerNorm(weight: weight, bias: bias, epsilon: 1e-6),
            ] {
                let mapped = MatrixView(x, rows: m, columns: k, map: map)
                let result = GuardedMatrix(rows: m, columns: n)
                multiply(
                    mapped, MatrixView(other, rows: k, columns: n), into: result.base,
                    rowStride: result.rowStride, kernels: set.kernels)
                for row in 0..<m {
                    #expect((0..<n).allSatisfy { (result[row, $0] == 0) == (row % 3 == 1) })
                }
                // As the right factor, as in a gradient of weights.
                let products = GuardedMatrix(rows: n, columns: k)
                multiply(
                    MatrixView(wide, rows: n, columns: m), mapped, into: products.base,
                    rowStride: products.rowStride, kernels: set.kernels)
                for c in 0..<k {
                    #expect((0..<n).allSatisfy { (products[$0, c] == 0) == (c % 5 == 2) })
                }
            }
        }
    }

    /// Even against zeros in the other factor.
    @Test(arguments: KernelSet.all)
    func nonFiniteElementsShowInTheirRowAndColumn(set: KernelSet) {
        let (m, n) = (19, 23)
        for (k, value) in [(48, Float.infinity), (7, -.infinity), (386, .nan)] {
            for place in [0, k / 2, k - 1] {
                var noise = Noise(seed: UInt64(k))
                let a = GuardedMatrix(rows: m, columns: k) { noise.next() }
                let b = GuardedMatrix(rows: k, columns: n) { noise.next() }
                for p in 0..<k {
                    a.memory[5 * a.rowStride + p] = 0
                    b.memory[p * b.rowStride + 6] = 0
                }
                a.memory[8 * a.rowStride + place] = value
                b.memory[place * b.rowStride + 2] = value
                let result = GuardedMatrix(rows: m, columns: n)
                set.kernels.multiply(a, b, into: result, ck_epilogue())
                for i in 0..<m {
                    for j in 0..<n {
                        #expect(
                            result[i, j].isFinite == (i != 8 && j != 2),
                            "depth \(k), \(value) at \(place): (\(i), \(j)) is \(result[i, j])")
                    }
                }
            }
        }
    }
}

/// The inner product in double precision.
func inner(_ a: [Float], _ b: [Float]) -> Double {
    var sum = 0.0
    for p in a.indices { sum += Double(a[p]) * Double(b[p]) }
    return sum
}
