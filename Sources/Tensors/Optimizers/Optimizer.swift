import Platform

/// A rule that updates parameters from their gradients, together with its state.
public protocol Optimizer: Sendable {
    /// Updates a module's parameters: in place and without allocating, provided that the module and the optimiser hold
    /// the only references to their elements. A parameter without a gradient is left unchanged, and so is its state.
    ///
    /// - Parameters:
    ///   - module: the module to update.
    ///   - gradients: the gradients of this module.
    ///   - rate: the learning rate of this step.
    ///   - weightDecay: the weight decay of this step.
    /// - Precondition: the module has the parameters that the optimiser was made for.
    /// - Complexity: O(elements), one pass over memory.
    mutating func step(
        _ module: inout some Module, by gradients: Gradients, rate: Double, weightDecay: Double)

    /// The optimiser's complete state, in an order fixed by the module: the running averages of each parameter,
    /// numbered from 0 (`0.cls_token`), and last `steps`, the number of steps that each parameter has taken. To resume,
    /// assign it to an optimiser made for the same module.
    ///
    /// - Precondition: a new value has the same names and shapes as the current one.
    var state: [(name: String, tensor: Tensor)] { get set }
}

/// Multipliers of the learning rate and the weight decay for one parameter.
public struct ParameterScaling: Sendable, Hashable, Codable {
    /// Multiplier of the learning rate.
    public var rate: Double
    /// Multiplier of the weight decay.
    public var weightDecay: Double

    /// Creates a pair of multipliers; both are 1 by default.
    public init(rate: Double = 1, weightDecay: Double = 1) {
        self.rate = rate
        self.weightDecay = weightDecay
    }

    /// Exempts biases and other one-dimensional parameters, such as the weights of norms, from weight decay
    /// (`get_params_groups` of facebookresearch/dino, utils.py).
    public static func ofDINO(name: String, parameter: Tensor) -> ParameterScaling {
        let isRegularised = !name.hasSuffix("bias") && parameter.shape.rank > 1
        return ParameterScaling(weightDecay: isRegularised ? 1 : 0)
    }
}

/// An optimiser's state for one parameter.
struct ParameterState: Sendable {
    let name: String
    var scaling: ParameterScaling
    /// Running averages, each with the parameter's shape.
    var averages: [Tensor]
    /// The number of steps taken.
    var steps = 0

    /// The initial state of each parameter of a module, with all averages 0.
    static func all(
        of module: some Module, averages: (_ name: String) -> Int,
        _ scaling: (_ name: String, _ parameter: Tensor) -> ParameterScaling
    ) -> [ParameterState] {
        module.parameters.map { name, parameter in
            ParameterState(
                name: name, scaling: scaling(name, parameter),
                averages: (0..<averages(name)).map { _ in
                    Tensor(repeating: 0, shape: parameter.shape)
                })
        }
    }
}

extension [ParameterState] {
    /// The value of `Optimizer.state`.
    var tensors: [(name: String, tensor: Tensor)] {
        get {
            flatMap { parameter in
                parameter.averages.enumerated().map { ("\($0).\(parameter.name)", $1) }
            } + [("steps", Tensor(map { Float($0.steps) }, shape: [count]))]
        }
        set {
            require(
                newValue.elementsEqual(tensors) {
                    $0.name == $1.name && $0.tensor.shape == $1.tensor.shape
                }, "Optimizer: the state belongs to another module")
            var rest = newValue[...]
            for index in indices {
                let averages = self[index].averages.count
                self[index].averages = rest.prefix(averages).map(\.tensor)
                rest = rest.dropFirst(averages)
            }
            for (index, steps) in (rest.first?.tensor.elements ?? []).enumerated() {
                self[index].steps = Int(steps)
            }
        }
    }

    /// Calls `body` for each parameter that has a gradient, with its state.
    mutating func forEach(
        in module: inout some Module, _ gradients: Gradients,
        _ body: (inout ParameterState, inout Tensor, Tensor) -> Void
    ) {
        require(
            gradients.tensors.count == count,
            "Optimizer: \(gradients.tensors.count) gradients for \(count) parameters")
        var position = 0
        // Moved out of `self` and back, because a closure cannot capture an inout array.
        var states = self
        self = []
        module.forEachParameter { name, parameter in
            require(position < states.count, "Optimizer: unexpected parameter \(name)")
            if let gradient = gradients.tensors[position] {
                require(
                    gradient.shape == parameter.shape,
                    "Optimizer: a gradient \(gradient.shape) for \(name) \(parameter.shape)")
                states[position].steps += 1
                body(&states[position], &parameter, gradient)
            }
            position += 1
        }
        require(
            position == states.count,
            "Optimizer: \(position) parameters where \(states.count) were expected")
        self = states
    }
}
