/// Stochastic gradient descent with momentum and weight decay, in PyTorch's form:
///
///     b = momentum b + (g + decay p);  p -= rate b
public struct SGD: Optimizer {
    /// The factor by which the running average `b` decays in each step.
    public let momentum: Double
    private var parameters: [ParameterState]

    /// Creates an optimiser for a module, with its averages at 0.
    ///
    /// - Parameters:
    ///   - module: the module whose parameters are to be updated.
    ///   - momentum: the factor by which the running average decays; 0.9 as in main_dino.py by default.
    ///   - scaling: returns the multipliers of each parameter of the module; all are 1 by default.
    public init(
        for module: some Module, momentum: Double = 0.9,
        scaling: (_ name: String, _ parameter: Tensor) -> ParameterScaling = { _, _ in .init() }
    ) {
        self.momentum = momentum
        parameters = ParameterState.all(of: module, averages: { _ in 1 }, scaling)
    }

    /// The optimiser's state; see `Optimizer.state`.
    public var state: [(name: String, tensor: Tensor)] {
        get { parameters.tensors }
        set { parameters.tensors = newValue }
    }

    /// Updates the module's parameters; see `Optimizer.step`.
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

/// Steps one parameter: `b = momentum b + gradientScale (g + decay p);  p -= rate b`.
func descend(
    _ parameter: inout Tensor, _ gradient: Tensor, _ average: inout Tensor, gradientScale: Float,
    momentum: Float, decay: Float, rate: Float
) {
    withUnsafePointers(writing: &parameter, &average, reading: gradient) { p, b, g in
        inChunks(of: gradient.count) { chunk in
            for i in chunk {
                b[i] = momentum * b[i] + gradientScale * (g[i] + decay * p[i])
                p[i] -= rate * b[i]
            }
        }
    }
}
