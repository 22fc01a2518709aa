import Platform

/// How far the gradient of a function is from central differences, which tests of an operation of one's own look at.
///
/// The function is made a scalar by seeded random weights of its elements. Each element of each input is moved by 1/32 and
/// 1/16 both ways, and the differences are extrapolated (Richardson), so that the fifth derivative is the first that
/// matters. As the function is computed in single precision, errors of some 1e-5 are those of a right gradient; a wrong one
/// is off by a tenth and more.
///
/// - Parameters:
///   - inputs: where to look, with elements of about 1. Each must be one of the function's differentiable arguments.
///   - seed: of the weights.
///   - function: computes a tensor from the inputs, smooth near them.
/// - Returns: for each input the largest error of its gradient, as a share of the input's largest derivative; infinite where
///   it has no gradient or one of another shape.
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
