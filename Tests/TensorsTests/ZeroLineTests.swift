import Synchronization
import Tensors
import Testing

/// Rows and columns of zeros through the public operations, forward and backward, give exact zeros.
@Suite struct ZeroLineTests {
    @Test func zeroRowsAndColumnsGiveZeros() { checkOperations() }

    #if compiler(>=6.3)
        @Test(arguments: Kernels.available.indices.dropFirst())
        func zeroRowsAndColumnsGiveZerosWithOtherInstructionSets(index: Int) async {
            await #expect(processExitsWith: .success) { [index] in
                Kernels.bestIndex.store(index, ordering: .relaxed)
                checkOperations()
            }
        }
    #endif
}

private let rows = 100
private let inputs = 70
private let outputs = 41

/// Which rows of inputs and gradients, and which outputs, are zero.
private func isZeroRow(_ row: Int) -> Bool { row % 3 == 1 }
private func isZeroOutput(_ output: Int) -> Bool { output % 4 == 2 }

/// Whether a matrix is zero exactly where `isZero` holds.
private func hasZeros(
    _ matrix: Tensor?, where isZero: (_ row: Int, _ column: Int) -> Bool
) -> Bool {
    guard let matrix else { return false }
    let columns = matrix.shape[-1]
    return matrix.elements.enumerated().allSatisfy { index, element in
        (element == 0) == isZero(index / columns, index % columns)
    }
}

private func checkOperations() {
    var noise = Noise(seed: 1)
    func tensor(_ rows: Int, _ columns: Int, isZero: (Int, Int) -> Bool) -> Tensor {
        Tensor(
            (0..<rows * columns).map {
                isZero($0 / columns, $0 % columns) ? 0 : noise.next()
            }, shape: [rows, columns])
    }
    let x = tensor(rows, inputs) { row, _ in isZeroRow(row) }
    let weight = tensor(outputs, inputs) { output, _ in isZeroOutput(output) }
    let bias = noise.tensor([outputs])
    let residual = noise.tensor([rows, outputs])
    let gradient = tensor(rows, outputs) { isZeroRow($0) || isZeroOutput($1) }

    for product in [x.product(plainTranspose(weight)), x.product(transposed: weight)] {
        #expect(hasZeros(product) { isZeroRow($0) || isZeroOutput($1) })
    }
    let linear = x.linear(weight: weight, bias: bias, adding: residual)
    for row in 0..<rows {
        for output in 0..<outputs where isZeroRow(row) || isZeroOutput(output) {
            #expect(linear[row, output] == bias[output] + residual[row, output])
        }
    }
    // A layer initialised to zeros.
    let zeroWeight = Tensor(repeating: 0, shape: weight.shape)
    let added = noise.tensor([rows, inputs]).linear(weight: zeroWeight, adding: residual)
    #expect(added == residual)

    let ones = Tensor(repeating: 1, shape: [inputs])
    let norm = LayerNorm(
        weight: ones, bias: Tensor(repeating: 0, shape: [inputs]), epsilon: 1e-6)
    let full = noise.tensor([rows, inputs])
    let fullWeight = noise.tensor([outputs, inputs])
    for map in [InputMap.identity, .gelu, .norm(norm)] {
        #expect(
            hasZeros(x.linear(weight: fullWeight, after: map)) { row, _ in isZeroRow(row) })
        let tape = Tape()
        let (trackedInput, trackedWeight) = (tape.track(full), tape.track(fullWeight))
        let value = trackedInput.linear(weight: trackedWeight, after: map)
        var gradients = [Tensor?](repeating: nil, count: 2)
        tape.backward(from: value.weightedSum(gradient), into: &gradients)
        #expect(hasZeros(gradients[0]) { row, _ in isZeroRow(row) })
        #expect(hasZeros(gradients[1]) { output, _ in isZeroOutput(output) })
    }
    checkAttention(&noise)
}

/// A head whose values have a channel of zeros, and a loss that ignores some tokens.
private func checkAttention(_ noise: inout Noise) {
    let (tokens, width, heads) = (200, 48, 2)
    let zeroed = 30
    let joined = Tensor(
        (0..<tokens * 3 * width).map { $0 % (3 * width) == 2 * width + zeroed ? 0 : noise.next() },
        shape: [1, tokens, 3 * width])
    let weights = Tensor(
        (0..<tokens * width).map { isZeroRow($0 / width) ? 0 : noise.next() },
        shape: [1, tokens, width])
    let tape = Tape()
    let value = tape.track(joined).attention(heads: heads)
    var gradients = [Tensor?](repeating: nil, count: 1)
    tape.backward(from: value.weightedSum(weights), into: &gradients)
    #expect(hasZeros(value.untracked) { _, channel in channel == zeroed })
    // Where a token's output has no gradient, its query has none; its key and value serve other tokens.
    #expect(
        hasZeros(gradients[0]) { token, channel in isZeroRow(token) && channel < width })
}
