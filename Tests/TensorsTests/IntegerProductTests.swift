import Foundation
import Tensors
import Testing

/// The integer kernels of one instruction set, by its name in the list of a test's arguments.
struct IntegerKernelSet: Sendable, CustomTestStringConvertible {
    let kernels: IntegerKernels

    var testDescription: String { String(cString: kernels.name) }

    /// One for every instruction set of this processor.
    static let all = IntegerKernels.available.map { IntegerKernelSet(kernels: $0) }
}

/// Products in integers against a plain twin, bit for bit.
@Suite struct IntegerProductTests {
    /// Extents around vectors, strips and tasks.
    private static let cases: [(m: Int, n: Int, k: Int)] = [
        (1, 1, 1), (5, 17, 3), (8, 48, 64), (7, 63, 33), (13, 31, 385), (200, 20, 97),
        (17, 400, 130), (193, 49, 31),
    ]

    @Test(arguments: IntegerKernelSet.all, [8, 16])
    func productsAreThoseOfThePlainTwinToTheBit(set: IntegerKernelSet, bits: Int) {
        for (seed, (m, n, k)) in Self.cases.enumerated() {
            var noise = Noise(seed: UInt64(seed))
            let x = noise.tensor([m, k], scale: 3)
            let weights = noise.tensor([n, k], scale: 0.1)
            let bias = noise.tensor([n])
            let residual = noise.tensor([m, n])
            let factor = IntegerFactor(weights, bits: bits, kernels: set.kernels)
            for map in [Twin.Map.identity, .norm(noise.tensor([k]), noise.tensor([k]))] {
                let found = withEachThreadCount {
                    product(x, map, factor, bias: bias, residual: residual)
                }
                let twin = Twin.product(x, map, weights, bits, bias: bias, residual: residual)
                for result in found {
                    #expect(result.elements == twin, "\(m)x\(n)x\(k) \(map.name)")
                }
            }
        }
    }

    /// Bytes of left factors run from the lowest float to the highest, wherever these are.
    @Test(arguments: IntegerKernelSet.all)
    func rowsOfAnyRangeAreThoseOfThePlainTwinToTheBit(set: IntegerKernelSet) {
        var noise = Noise(seed: 9)
        let (columns, outputs) = (70, 20)
        let rows = noise.tensor([5, columns]).elements
        let changes: [(Float) -> Float] = [
            { $0.magnitude }, { -$0.magnitude }, { $0 > 0.9 ? 100 * $0 : $0 }, { 1e-28 * $0 },
            { $0 > 0 ? .greatestFiniteMagnitude : -.greatestFiniteMagnitude },
        ]
        let x = Tensor(
            rows.indices.map { changes[$0 / columns](rows[$0]) }, shape: [5, columns])
        let weights = noise.tensor([outputs, columns], scale: 1e-3)
        let factor = IntegerFactor(weights, bits: 8, kernels: set.kernels)
        let found = product(x, .identity, factor).elements
        #expect(found == Twin.product(x, .identity, weights, 8))

        // Multiplied by the identity, rows of one sign are off by at most half of one of 254 steps.
        let identity = Tensor(
            (0..<columns * columns).map { $0 % (columns + 1) == 0 ? 1 : 0 },
            shape: [columns, columns])
        let some = x.rows(0..<2)
        let rounded = product(
            some, .identity, IntegerFactor(identity, bits: 8, kernels: set.kernels))
        for (value, expected) in zip(rounded.elements, some.elements) {
            #expect(abs(value - expected) < 1.001 / 508)
        }
    }

    @Test(arguments: [8, 16])
    func geluGivesTheSameBitsOnEverySet(bits: Int) {
        var noise = Noise(seed: 3)
        let x = noise.tensor([9, 77], scale: 4)
        let weights = noise.tensor([19, 77])
        let results = IntegerKernelSet.all.map { set in
            product(x, .gelu, IntegerFactor(weights, bits: bits, kernels: set.kernels))
        }
        for result in results { #expect(result.isIdentical(to: results[0])) }
        // The identity of an exact GELU, in double precision.
        let mapped = Tensor(
            x.elements.map { Float(0.5 * Double($0) * (1 + erf(Double($0) / 2.0.squareRoot()))) },
            shape: x.shape)
        let twin = Twin.product(mapped, .identity, weights, bits)
        let greatest = twin.reduce(0) { max($0, $1.magnitude) }
        for (found, expected) in zip(results[0].elements, twin) {
            // Elements may be rounded to a neighbouring integer.
            #expect(abs(found - expected) <= greatest * (bits == 8 ? 0.02 : 2e-4))
        }
    }

    /// The worst case for sums of 32 bits: two parallel rows, whose integers are as large as the format allows.
    @Test(arguments: IntegerKernelSet.all, [8, 16])
    func noSumOverflows(set: IntegerKernelSet, bits: Int) {
        for k in [1, 2, 4096, 20000] {
            let row = Tensor(repeating: 1, shape: [1, k])
            let factor = IntegerFactor(row, bits: bits, kernels: set.kernels)
            let found = product(row, .identity, factor).elements[0]
            #expect(abs(found / Float(k) - 1) < 0.02, "\(k): \(found)")
        }
    }

    @Test(arguments: IntegerKernelSet.all, [8, 16])
    func rowsOfZerosGiveTheBiasAndRowsWithNaNGiveNaN(set: IntegerKernelSet, bits: Int) {
        var noise = Noise(seed: 5)
        var rows = noise.tensor([4, 40])
        rows.withUnsafeMutableElements {
            for i in 0..<40 { $0[i] = 0 }
            $0[45] = .nan
            $0[90] = -.infinity
        }
        let factor = IntegerFactor(noise.tensor([20, 40]), bits: bits, kernels: set.kernels)
        let bias = noise.tensor([20])
        let result = product(rows, .identity, factor, bias: bias)
        #expect(result.rows(0..<1).elements == bias.elements)
        #expect(result.rows(1..<3).elements.allSatisfy { $0.isNaN })
        #expect(result.rows(3..<4).elements.allSatisfy { $0.isFinite })
    }

    @Test(arguments: IntegerKernelSet.all, [8, 16])
    func someRowsOfAFactorAreThoseOfTheWhole(set: IntegerKernelSet, bits: Int) {
        var noise = Noise(seed: 6)
        let x = noise.tensor([30, 50])
        let factor = IntegerFactor(noise.tensor([100, 50]), bits: bits, kernels: set.kernels)
        let whole = product(x, .identity, factor)
        for range in [0..<100, 16..<60, 32..<33, 7..<100, 50..<50] {
            let part = product(x, .identity, factor.rows(range))
            for row in 0..<30 {
                #expect(
                    part.rows(row..<row + 1).elements
                        == Array(whole.rows(row..<row + 1).elements[range]))
            }
        }
        let again = IntegerFactor(
            integers: factor.integers, scales: factor.scales, bits: bits, kernels: set.kernels)
        #expect(product(x, .identity, again).isIdentical(to: whole))
    }

    private func product(
        _ x: Tensor, _ map: Twin.Map, _ factor: IntegerFactor, bias: Tensor? = nil,
        residual: Tensor? = nil
    ) -> Tensor {
        var result = Tensor(uninitialized: [x.shape[0], factor.rows])
        func multiply(_ map: MatrixView.Map) {
            withUnsafePointers(writing: &result, reading: x, bias, residual) {
                factor.multiply(
                    MatrixView($1, x.shape, map: map), into: $0, rowStride: factor.rows, bias: $2,
                    residual: $3)
            }
        }
        switch map {
        case .identity: multiply(.identity)
        case .gelu: multiply(.gelu)
        case .norm(let weight, let bias):
            withUnsafePointers(reading: weight, bias) {
                multiply(.layerNorm(weight: $0, bias: $1, epsilon: Twin.epsilon))
            }
        }
        return result
    }
}

/// Linear layers prepared for inference.
@Suite struct PreparedLinearTests {
    @Test(arguments: KernelSet.all)
    func everySetRestoresWhatItPacked(set: KernelSet) {
        var noise = Noise(seed: 4)
        for (rows, columns) in [(1, 1), (7, 100), (384, 49), (1000, 193)] {
            let weights = noise.tensor([columns, rows])
            withUnsafePointers(reading: weights) {
                let view = MatrixView(
                    $0, rows: rows, columns: columns, rowStride: 1, columnStride: rows)
                #expect(PackedFactor(view, set.kernels).transposed.isIdentical(to: weights))
            }
        }
    }

    @Test func packedWeightsGiveTheBitsOfPlainOnesAndAreRestoredExactly() {
        var noise = Noise(seed: 1)
        for (inputs, outputs) in [(500, 576), (70, 100), (33, 1)] {
            let plain = Linear(
                weight: noise.tensor([outputs, inputs]), bias: noise.tensor([outputs]))
            var packed = plain
            packed.prepare(for: .float32)
            #expect(packed.weight.isIdentical(to: plain.weight))
            for rows in [1, 50, 400] {
                let x = noise.tensor([rows, inputs])
                let some = outputs / 3..<outputs
                #expect(packed(x).isIdentical(to: plain(x)))
                #expect(packed(x, after: .gelu).isIdentical(to: plain(x, after: .gelu)))
                #expect(packed.outputs(some)(x).isIdentical(to: plain.outputs(some)(x)))
            }
        }
        let aligned = Linear(weight: noise.tensor([576, 40]), bias: noise.tensor([576]))
        var packed = aligned
        packed.prepare(for: .float32)
        let x = noise.tensor([7, 40])
        #expect(packed.outputs(192..<384)(x).isIdentical(to: aligned.outputs(192..<384)(x)))
    }

    @Test(arguments: [Precision.int16, .int8])
    func integersAreNearFloatsAndVisitsKeepThem(precision: Precision) {
        var noise = Noise(seed: 2)
        let plain = Linear(weight: noise.tensor([90, 300]), bias: noise.tensor([90]))
        var layer = plain
        layer.prepare(for: precision)
        let x = noise.tensor([40, 300])
        let (found, expected) = (layer(x).elements, plain(x).elements)
        // Rounding errors of elements are independent: a ten-thousandth and a hundredth of a typical element.
        let bound: Float = precision == .int16 ? 0.02 : 1
        for (a, b) in zip(found, expected) { #expect(abs(a - b) < bound) }
        #expect(found != expected)

        layer.forEachParameter { _, _ in }
        #expect(layer(x).elements == found)
        layer.forEachParameter { name, tensor in if name == "weight" { tensor = plain.weight } }
        #expect(layer(x).elements == expected)
    }

    @Test func recordedForDifferentiationRoundedWeightsAreUsedAsFloats() {
        var noise = Noise(seed: 3)
        var layer = Linear(weight: noise.tensor([5, 8]), bias: noise.tensor([5]))
        layer.prepare(for: .int8)
        let rounded = Linear(weight: layer.weight, bias: layer.bias)
        let x = noise.tensor([3, 8])
        let weights = noise.tensor([3, 5])
        let found = [layer, rounded].map { layer in
            gradients(at: [x], weights: weights, { layer($0[0]) })[0]?.elements
        }
        #expect(found[0] != nil && found[0] == found[1])
    }
}

/// The product in integers as IntegerKernels.h defines it, element by element.
private enum Twin {
    enum Map {
        case identity, gelu
        case norm(Tensor, Tensor)

        var name: String {
            switch self {
            case .identity: "as they are"
            case .gelu: "GELU"
            case .norm: "normed"
            }
        }
    }

    static let epsilon: Float = 1e-6

    /// The sum in 32 chains, which are then added in halves.
    static func sum(_ values: [Float]) -> Float {
        var chains = [Float](repeating: 0, count: 32)
        for (i, value) in values.enumerated() { chains[i % 32] += value }
        for half in [16, 8, 4, 2, 1] { for i in 0..<half { chains[i] += chains[i + half] } }
        return chains[0]
    }

    static func mapped(_ row: [Float], _ map: Map) -> [Float] {
        guard case .norm(let weight, let bias) = map else { return row }
        let mean = sum(row) / Float(row.count)
        let centred = row.map { $0 - mean }
        let variance = sum(centred.map { $0 * $0 }) / Float(row.count)
        let scale = 1 / (variance + epsilon).squareRoot()
        return centred.indices.map { centred[$0] * scale * weight[$0] + bias[$0] }
    }

    static func quantized(
        _ row: [Float], _ bits: Int, isLeft: Bool
    ) -> (integers: [Int], scale: Float) {
        func rounded(by factor: Float) -> [Int] {
            row.map { Int(($0 * factor).rounded(.toNearestOrEven)) }
        }
        if bits == 8 && isLeft {
            // From the lowest float to the highest in 254 steps.
            let half = 0.5 * max(0, row.max() ?? 0) - 0.5 * min(0, row.min() ?? 0)
            return (rounded(by: 127 / half), half / 127)
        }
        let largest = row.map(\.magnitude).max() ?? 0
        let inverse = 1 / largest
        var limit: Float = 127
        if bits == 16 {
            let length = sum(row.map { ($0 * inverse) * ($0 * inverse) }).squareRoot()
            limit = min(32767, (46336 - 0.5 * Float(row.count).squareRoot()) / length)
        }
        return (rounded(by: limit * inverse), largest / limit)
    }

    static func product(
        _ x: Tensor, _ map: Map, _ weights: Tensor, _ bits: Int, bias: Tensor? = nil,
        residual: Tensor? = nil
    ) -> [Float] {
        func rows(
            _ matrix: Tensor, _ map: Map, isLeft: Bool
        ) -> [(integers: [Int], scale: Float)] {
            (0..<matrix.shape[0]).map {
                let row = mapped(matrix.rows($0..<$0 + 1).elements, map)
                return quantized(row, bits, isLeft: isLeft)
            }
        }
        let right = rows(weights, .identity, isLeft: false)
        return rows(x, map, isLeft: true).enumerated().flatMap { i, left in
            right.enumerated().map { j, column in
                let sum = zip(left.integers, column.integers).reduce(0) { $0 + $1.0 * $1.1 }
                var value = Float(sum) * (column.scale * left.scale)
                if let bias { value += bias[j] }
                if let residual { value += residual[i, j] }
                return value
            }
        }
    }
}
