import Tensors

// Step 1: compose layers.
/// Two linear layers with a ReLU between them.
struct Perceptron {
    var hidden: Linear
    var output: Linear

    init(
        inputs: Int, width: Int, outputs: Int, using generator: inout some RandomNumberGenerator
    ) {
        hidden = Linear(inputs: inputs, outputs: width, using: &generator)
        output = Linear(inputs: width, outputs: outputs, using: &generator)
    }

    func callAsFunction(_ x: Tensor) -> Tensor { output(hidden(x).relu()) }
}

// Step 2: name the parameters.
extension Perceptron: Module {
    mutating func forEachParameter(_ body: (String, inout Tensor) throws -> Void) rethrows {
        try hidden.forEachParameter(under: "hidden", body)
        try output.forEachParameter(under: "output", body)
    }
}

// Step 3: write an operation.
extension Tensor {
    /// `sqrt(1 + x²) - 1` of each element; `dx = x / sqrt(1 + x²) dy`.
    func pseudoHuber() -> Tensor {
        .custom(inputs: [self]) { inputs in
            let x = inputs[0]
            return Tensor(x.elements.map { (1 + $0 * $0).squareRoot() - 1 }, shape: x.shape)
        } pullback: { inputs, _, gradient in
            let x = inputs[0]
            let slopes = x.elements.map { $0 / (1 + $0 * $0).squareRoot() }
            return [gradient * Tensor(slopes, shape: x.shape)]
        }
    }
}

// Step 4: train.
/// Fits a perceptron to points `[count, inputs]` and their values `[count, outputs]`.
func fit(_ x: Tensor, _ y: Tensor, steps: Int) -> Perceptron {
    var generator = Xoshiro256(seed: 0)
    var model = Perceptron(
        inputs: x.shape[1], width: 32, outputs: y.shape[1], using: &generator)
    var optimizer = AdamW(for: model)
    for _ in 0..<steps {
        var gradients = Gradients(of: model)
        _ = valueWithGradient(at: model, addingTo: &gradients) { model in
            (model(x) - y).pseudoHuber().mean()
        }
        optimizer.step(&model, by: gradients, rate: 0.02, weightDecay: 0)
    }
    return model
}
