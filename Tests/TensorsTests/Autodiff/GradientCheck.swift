import Tensors
import Testing

/// Compares the gradient of a weighted sum of `function`'s elements with central differences at every
/// element of every input, and checks that all memory is freed.
///
/// - Parameters:
///   - tolerance: the largest error accepted, relative to the input's largest derivative. In single
///     precision each element of the function is off by some 1e-7 of its terms, which the division by
///     the step multiplies by 32; so 1e-4 allows for some dozen terms.
func checkGradient(
    at inputs: [Tensor], tolerance: Double = 1e-4,
    sourceLocation: SourceLocation = #_sourceLocation,
    _ function: ([Tensor]) -> Tensor
) {
    var noise = Noise(seed: 99)
    let value = function(inputs)
    #expect(!value.isTracked)
    let weights = noise.tensor(value.shape)
    for (name, memory) in memory(at: inputs, weights: weights, function) {
        #expect(memory.owner == nil, "\(name) was not freed", sourceLocation: sourceLocation)
    }
    _ = gradients(at: inputs, weights: weights, function, value: value)
    for (position, error) in gradientErrors(at: inputs, of: function).enumerated() {
        #expect(
            error <= tolerance, "gradient of input \(position)", sourceLocation: sourceLocation)
    }
}

/// A weak reference to the owner of a tensor's memory.
private struct Memory {
    weak var owner: AnyObject?
}

/// The memory of all inputs and results of the computation of a gradient, once it has finished.
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

/// The gradients of the weighted sum of a function's elements, computed on a tape. Checks that they are
/// identical for any thread count and that they are added to gradients that exist.
func gradients(
    at inputs: [Tensor], weights: Tensor, _ function: ([Tensor]) -> Tensor, value: Tensor? = nil
) -> [Tensor?] {
    func run(into gradients: inout [Tensor?]) {
        let tape = Tape()
        let result = function(inputs.map(tape.track))
        // Recording must not change the value.
        if let value { #expect(result.untracked.isIdentical(to: value)) }
        tape.backward(from: result, gradient: weights, into: &gradients)
    }
    let runs = withEachThreadCount {
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
        #expect(once?.shape == twice?.shape)
        guard let once, let twice else { continue }
        let scale = once.elements.map(abs).max() ?? 0
        for (x, y) in zip(once.elements, twice.elements) {
            // A few roundings of the sums' largest terms.
            #expect(abs(y - 2 * x) <= 1e-5 * scale)
        }
    }
    return runs[0]
}
