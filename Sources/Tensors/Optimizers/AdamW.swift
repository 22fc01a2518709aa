internal import CKernels
import Foundation

/// Adam with decoupled weight decay (Loshchilov and Hutter 2019), in PyTorch's order of operations:
///
///     p -= rate decay p
///     m += (g - m) (1 - beta1);  v = beta2 v + (1 - beta2) g²
///     p -= rate / (1 - beta1^t) m / (sqrt(v) / sqrt(1 - beta2^t) + epsilon)
///
/// where t counts the steps in which the parameter had a gradient.
public struct AdamW: Optimizer {
    /// The constants of the update; the defaults are PyTorch's.
    public struct Options: Sendable, Codable, Hashable {
        /// The decay of the gradient's running average.
        public var beta1 = 0.9
        /// The decay of the squared gradient's running average.
        public var beta2 = 0.999
        /// Added to the denominator, to keep it away from 0.
        public var epsilon = 1e-8

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
        parameters = ParameterState.all(of: module, averages: { _ in 2 }, scaling)
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
            options.step(&state, &parameter, gradient, rate: rate, weightDecay: weightDecay)
        }
    }
}

extension AdamW.Options {
    /// Steps one parameter, whose state has two averages.
    func step(
        _ state: inout ParameterState, _ parameter: inout Tensor, _ gradient: Tensor, rate: Double,
        weightDecay: Double
    ) {
        let rate = rate * state.scaling.rate
        let step = ck_adamw(
            keep: Float(1 - rate * weightDecay * state.scaling.weightDecay),
            first_share: Float(1 - beta1), second_keep: Float(beta2),
            second_share: Float(1 - beta2),
            rate: Float(rate / (1 - pow(beta1, Double(state.steps)))),
            deviation_scale: Float(1 / (1 - pow(beta2, Double(state.steps))).squareRoot()),
            epsilon: Float(epsilon))
        // Taken out, because only one element of an array can be written at a time.
        var second = state.averages.removeLast()
        withUnsafePointers(writing: &parameter, &state.averages[0]) { p, m in
            withUnsafePointers(writing: &second, reading: gradient) { v, g in
                inChunks(of: gradient.count) {
                    let start = $0.lowerBound
                    Kernels.best.adamw($0.count, p + start, g + start, m + start, v + start, step)
                }
            }
        }
        state.averages.append(second)
    }
}
