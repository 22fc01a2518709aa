import Tensors
import Testing

/// Holds the gradient of the sum of `function`'s elements, each times a fixed number, to central
/// differences at every element of every input; and no memory may stay behind.
///
/// - Parameters:
///   - tolerance: the largest error that passes, as a share of the input's largest derivative. The
///     function is computed in single precision: each of its elements is off by some 1e-7 of its
///     terms, which the division by the step multiplies by 32; so 1e-4 stands for some dozen terms.
func checkGradient(
    at inputs: [Tensor], tolerance: Double = 1e-4,
    sourceLocation: SourceLocation = #_sourceLocation,
    _ function: ([Tensor]) -> Tensor
) {
    var noise = Noise(seed: 99)
    let value = function(inputs)
    #expect(!value.isTracked)
    let weights = noise.tensor(value.shape)
    func total(_ inputs: [Tensor]) -> Double {
        zip(function(inputs).elements, weights.elements)
            .reduce(0) { $0 + Double($1.0) * Double($1.1) }
    }

    for (name, memory) in memory(at: inputs, weights: weights, function) {
        #expect(memory.owner == nil, "\(name) is kept", sourceLocation: sourceLocation)
    }
    let gradients = gradients(at: inputs, weights: weights, function, value: value)
    for (position, input) in inputs.enumerated() {
        guard let gradient = gradients[position] else {
            Issue.record("input \(position) has no gradient", sourceLocation: sourceLocation)
            continue
        }
        #expect(gradient.shape == input.shape, sourceLocation: sourceLocation)
        /// The central difference, exact but for the fifth derivative (Richardson): by steps that
        /// are powers of two, so that most of what they are added to takes them exactly.
        func difference(_ index: Int, _ step: Float) -> Double {
            func moved(_ step: Float) -> Double {
                var inputs = inputs
                var x = input
                x.withUnsafeMutableElements { $0[index] += step }
                inputs[position] = x
                return total(inputs)
            }
            return (moved(step) - moved(-step)) / Double(2 * step)
        }
        let expected = (0..<input.count).map {
            (4 * difference($0, 0x1p-5) - difference($0, 0x1p-4)) / 3
        }
        let scale = expected.map(abs).max() ?? 0
        for (index, (x, y)) in zip(gradient.elements, expected).enumerated() {
            #expect(
                abs(Double(x) - y) <= tolerance * max(scale, 1e-3),
                "input \(position), element \(index): \(x), expected \(y)",
                sourceLocation: sourceLocation)
        }
    }
}

/// What holds a tensor's memory, as long as somebody holds that.
private struct Memory {
    weak var owner: AnyObject?
}

/// The memory of all that goes into the computation of a gradient and comes out of it, when that is over.
private func memory(
    at inputs: [Tensor], weights: Tensor, _ function: ([Tensor]) -> Tensor
) -> [(name: String, memory: Memory)] {
    func copy(_ tensor: Tensor) -> Tensor { Tensor(tensor.elements, shape: tensor.shape) }
    let tape = Tape()
    let inputs = inputs.map(copy)
    let weights = copy(weights)
    let result = function(inputs.map(tape.track))
    var gradients = [Tensor?](repeating: nil, count: inputs.count)
    tape.backward(from: result, gradient: weights, into: &gradients)
    let tensors =
        [("value", result), ("gradient of the value", weights)]
        + inputs.enumerated().map { ("input \($0)", $1) }
        + gradients.enumerated().compactMap { position, gradient in
            gradient.map { ("gradient \(position)", $0) }
        }
    return tensors.map { ($0, Memory(owner: $1.owner)) }
}

/// The gradients of the weighted sum of a function's elements, computed on a tape. Added to what is
/// there, and computed with any number of threads, they are the same.
func gradients(
    at inputs: [Tensor], weights: Tensor, _ function: ([Tensor]) -> Tensor, value: Tensor? = nil
) -> [Tensor?] {
    func run(into gradients: inout [Tensor?]) {
        let tape = Tape()
        let result = function(inputs.map(tape.track))
        // Recording changes no bit of the value.
        if let value { #expect(result.untracked.isIdentical(to: value)) }
        tape.backward(from: result, gradient: weights, into: &gradients)
    }
    let runs = underThreads {
        var gradients = [Tensor?](repeating: nil, count: inputs.count)
        run(into: &gradients)
        return gradients
    }
    for other in runs.dropFirst() {
        for (a, b) in zip(runs[0], other) {
            if let a, let b { #expect(a.isIdentical(to: b)) } else { #expect(a == b) }
        }
    }
    var twice = runs[0]
    run(into: &twice)
    for (once, twice) in zip(runs[0], twice) {
        guard let once, let twice else { continue }
        let scale = once.elements.map(abs).max() ?? 0
        for (x, y) in zip(once.elements, twice.elements) {
            // A few roundings of the sums' largest terms.
            #expect(abs(y - 2 * x) <= 1e-5 * scale)
        }
    }
    return runs[0]
}
