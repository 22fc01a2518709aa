/// Stochastic gradient descent with momentum and weight decay, as PyTorch's:
///
///     b = momentum b + (g + decay p);  p -= rate b
public struct SGD: Optimizer {
    public let momentum: Double
    private var parameters: [ParameterState]

    /// - Parameters:
    ///   - momentum: what is kept of the last steps; main_dino.py's 0.9 unless given.
    ///   - scaling: called for each parameter of the module; all count alike unless given.
    public init(
        for module: some Module, momentum: Double = 0.9,
        scaling: (_ name: String, _ parameter: Tensor) -> ParameterScaling = { _, _ in .init() }
    ) {
        self.momentum = momentum
        parameters = ParameterState.all(of: module, averages: { _, _ in 1 }, scaling)
    }

    public var state: [(name: String, tensor: Tensor)] {
        get { parameters.tensors }
        set { parameters.tensors = newValue }
    }

    public mutating func step(
        _ module: inout some Module, by gradients: Gradients, rate: Double, weightDecay: Double
    ) {
        let momentum = Float(momentum)
        parameters.forEach(in: &module, gradients) { state, parameter, gradient in
            descend(
                &parameter, gradient, &state.averages[0], gradientScale: 1, momentum: momentum,
                decay: Float(weightDecay * state.scaling.weightDecay),
                rate: Float(rate * state.scaling.rate))
        }
    }
}

/// `b = momentum b + gradientScale (g + decay p);  p -= rate b`.
func descend(
    _ parameter: inout Tensor, _ gradient: Tensor, _ average: inout Tensor, gradientScale: Float,
    momentum: Float, decay: Float, rate: Float
) {
    let p = parameter.uniqueBase()
    let b = average.uniqueBase()
    gradient.withUnsafeElements { g in
        inChunks(of: g.count) { chunk in
            for i in chunk {
                b[i] = momentum * b[i] + gradientScale * (g[i] + decay * p[i])
                p[i] -= rate * b[i]
            }
        }
    }
}
