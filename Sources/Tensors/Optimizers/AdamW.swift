internal import CKernels
import Foundation

/// Adam with decoupled weight decay (Loshchilov and Hutter 2019), in the order of PyTorch's:
///
///     p -= rate decay p
///     m += (g - m) (1 - beta1);  v = beta2 v + (1 - beta2) g²
///     p -= rate / (1 - beta1^t) m / (sqrt(v) / sqrt(1 - beta2^t) + epsilon)
///
/// t counts the steps in which the parameter had a gradient.
public struct AdamW: Optimizer {
    /// Defaults are PyTorch's.
    public struct Options: Sendable, Codable, Hashable {
        public var beta1 = 0.9
        public var beta2 = 0.999
        public var epsilon = 1e-8

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
        parameters = ParameterState.all(of: module, averages: { _, _ in 2 }, scaling)
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
            options.step(&state, &parameter, gradient, rate: rate, weightDecay: weightDecay)
        }
    }
}

extension AdamW.Options {
    /// A step of one parameter, whose state has two averages.
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
        let p = parameter.uniqueBase()
        let m = state.averages[0].uniqueBase()
        let v = state.averages[1].uniqueBase()
        gradient.withUnsafeElements { gradient in
            guard let g = gradient.baseAddress else { return }
            inChunks(of: gradient.count) {
                let start = $0.lowerBound
                Kernels.best.adamw($0.count, p + start, g + start, m + start, v + start, step)
            }
        }
    }
}
