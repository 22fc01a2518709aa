/// Layer-wise adaptive rate scaling (You et al. 2017) in the form of facebookresearch/dino (`LARS` of utils.py):
/// gradient descent with momentum, in which each step of a parameter with more than one dimension is proportional to
/// the parameter's length.
///
///     d = g + decay p;  d *= eta |p| / |d|;  b = momentum b + d;  p -= rate b
///
/// Parameters with one dimension are neither decayed nor scaled. There is no scaling either where the length of the
/// parameter or of its step is 0.
public struct LARS: Optimizer {
    /// The constants of the update; the defaults are those of utils.py.
    public struct Options: Sendable, Codable, Hashable {
        /// The factor by which the running average `b` decays in each step.
        public var momentum = 0.9
        /// The length of a step relative to the parameter's, before the learning rate.
        public var eta = 0.001

        /// Creates the default options.
        public init() {}
    }

    /// The constants of the update.
    public let options: Options
    private var parameters: [ParameterState]

    /// Creates an optimiser for a module, with its averages at 0.
    ///
    /// - Parameters:
    ///   - module: the module whose parameters are to be updated.
    ///   - options: the constants of the update.
    ///   - scaling: returns the multipliers of each parameter of the module; all are 1 by default.
    public init(
        for module: some Module, options: Options = Options(),
        scaling: (_ name: String, _ parameter: Tensor) -> ParameterScaling = { _, _ in .init() }
    ) {
        self.options = options
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
        let options = options
        parameters.forEach(in: &module, gradients) { state, parameter, gradient in
            let isScaled = parameter.shape.rank != 1
            let decay = isScaled ? weightDecay * state.scaling.weightDecay : 0
            var factor = 1.0
            if isScaled {
                // |g + decay p|² expanded into three terms, which needs no memory for the sum.
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
