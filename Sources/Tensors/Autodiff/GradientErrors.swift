/// Compares the gradient of a function with central differences; use it in tests of your own operations.
///
/// The gradient is that of the sum of the function's elements with seeded random weights. Each element of each input is
/// moved by 1/32 and 1/16 both ways, and the two differences are extrapolated (Richardson), which leaves an error of the
/// fifth derivative. The function is computed in single precision: a correct gradient has errors of about 1e-5, a wrong one
/// usually of more than 0.1.
///
/// - Parameters:
///   - inputs: the point at which to compare, with elements of about 1; the function must be differentiable in each input.
///   - seed: the seed of the weights.
///   - function: computes a tensor from the inputs; it must be smooth near them.
/// - Returns: for each input the largest error of its gradient, divided by the input's largest derivative; infinite if the
///   input has no gradient or one of another shape.
/// - Complexity: four calls of the function for each element of the inputs.
public func gradientErrors(
    at inputs: [Tensor], seed: UInt64 = 0, of function: ([Tensor]) -> Tensor
) -> [Double] {
    var generator = Xoshiro256(seed: seed)
    let tape = Tape()
    let value = function(inputs.map(tape.track))
    let weights = Tensor.uniform(value.shape, in: -1...1, using: &generator)
    var gradients = [Tensor?](repeating: nil, count: inputs.count)
    if value.isTracked { tape.backward(from: value, gradient: weights, into: &gradients) }

    func total(_ inputs: [Tensor]) -> Double {
        zip(function(inputs).elements, weights.elements)
            .reduce(0) { $0 + Double($1.0) * Double($1.1) }
    }
    return inputs.indices.map { position in
        guard let gradient = gradients[position], gradient.shape == inputs[position].shape else {
            return .infinity
        }
        // Steps are powers of two, which most elements take exactly.
        func difference(_ index: Int, _ step: Float) -> Double {
            func moved(_ step: Float) -> Double {
                var inputs = inputs
                inputs[position].withUnsafeMutableElements { $0[index] += step }
                return total(inputs)
            }
            return (moved(step) - moved(-step)) / Double(2 * step)
        }
        let expected = (0..<gradient.count).map {
            (4 * difference($0, 0x1p-5) - difference($0, 0x1p-4)) / 3
        }
        let scale = max(expected.map(abs).max() ?? 0, 1e-3)
        return zip(gradient.elements, expected).reduce(0) {
            let error = abs(Double($1.0) - $1.1) / scale
            return error.isNaN ? .infinity : max($0, error)
        }
    }
}
