/// Layer-wise adaptive rate scaling (You et al. 2017), as facebookresearch/dino has it (`LARS` of
/// utils.py): gradient descent with momentum, in which each step of a parameter with more than one
/// dimension is in proportion to its own length.
///
///     d = g + decay p;  d *= eta |p| / |d|;  b = momentum b + d;  p -= rate b
///
/// Parameters with one dimension are neither decayed nor scaled, and none is scaled whose length, or
/// whose step's, is 0.
public struct LARS: Optimizer {
    /// Defaults are those of utils.py.
    public struct Options: Sendable, Codable, Hashable {
        public var momentum = 0.9
        public var eta = 0.001

        public init() {}
    }

    public let options: Options
    private var parameters: [ParameterState]

    /// - Parameter scaling: called for each parameter of the module; all count alike unless given.
    public init(
        for module: some Module, options: Options = Options(),
        scaling: (_ name: String, _ parameter: Tensor) -> ParameterScaling = { _, _ in .init() }
    ) {
        self.options = options
        parameters = ParameterState.all(of: module, averages: { _, _ in 1 }, scaling)
    }

    public var state: [(name: String, tensor: Tensor)] {
        get { parameters.tensors }
        set { parameters.tensors = newValue }
    }

    public mutating func step(
        _ module: inout some Module, by gradients: Gradients, rate: Double, weightDecay: Double
    ) {
        let options = options
        parameters.forEach(in: &module, gradients) { state, parameter, gradient in
            let isScaled = parameter.shape.rank != 1
            let decay = isScaled ? weightDecay * state.scaling.weightDecay : 0
            var factor = 1.0
            if isScaled {
                // |g + decay p|² by its three parts: no memory for the sum.
                let length = parameter.squaredLength
                let step =
                    gradient.squaredLength + 2 * decay * gradient.dot(parameter) + decay * decay
                    * length
                if length > 0 && step > 0 { factor = options.eta * (length / step).squareRoot() }
            }
            descend(
                &parameter, gradient, &state.averages[0], gradientScale: Float(factor),
                momentum: Float(options.momentum), decay: Float(decay),
                rate: Float(rate * state.scaling.rate))
        }
    }
}
