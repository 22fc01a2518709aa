import Platform

/// A rule by which gradients change parameters; a value that holds what the rule remembers.
public protocol Optimizer: Sendable {
    /// Changes a module's parameters, in place and without allocating where the module and the
    /// optimiser hold the only references to their elements. A parameter without gradient stays as it
    /// is, and so does what is remembered of it.
    ///
    /// - Parameters:
    ///   - gradients: of this module.
    ///   - rate: the learning rate of this step.
    ///   - weightDecay: that of this step.
    /// - Precondition: the module has the parameters that the optimiser was made for.
    /// - Complexity: O(elements), one pass over memory.
    mutating func step(
        _ module: inout some Module, by gradients: Gradients, rate: Double, weightDecay: Double)

    /// The optimiser's complete state, in an order fixed by the module: its running averages of each parameter,
    /// numbered from 0 (`0.cls_token`), and last `steps`, the number of steps that each parameter has taken. To
    /// resume, assign it to an optimiser made for the same module.
    ///
    /// - Precondition: a state that is assigned has the names and shapes of the present one.
    var state: [(name: String, tensor: Tensor)] { get set }
}

/// Multipliers of the learning rate and the weight decay for one parameter.
public struct ParameterScaling: Sendable, Hashable, Codable {
    public var rate: Double
    public var weightDecay: Double

    public init(rate: Double = 1, weightDecay: Double = 1) {
        self.rate = rate
        self.weightDecay = weightDecay
    }

    /// No decay of biases, and of anything else with one dimension: weights of norms
    /// (`get_params_groups` of facebookresearch/dino, utils.py).
    public static func ofDINO(name: String, parameter: Tensor) -> ParameterScaling {
        let isRegularised = !name.hasSuffix("bias") && parameter.shape.rank > 1
        return ParameterScaling(weightDecay: isRegularised ? 1 : 0)
    }
}

/// An optimiser's memory of one parameter.
struct ParameterState: Sendable {
    let name: String
    var scaling: ParameterScaling
    /// Running averages, each of the parameter's shape.
    var averages: [Tensor]
    /// Steps taken.
    var steps = 0

    /// One for each parameter of a module, with averages of zero.
    static func all(
        of module: some Module,
        averages: (_ name: String, _ parameter: Tensor) -> Int,
        _ scaling: (_ name: String, _ parameter: Tensor) -> ParameterScaling
    ) -> [ParameterState] {
        module.parameters.map { name, parameter in
            ParameterState(
                name: name, scaling: scaling(name, parameter),
                averages: (0..<averages(name, parameter)).map { _ in
                    Tensor(repeating: 0, shape: parameter.shape)
                })
        }
    }
}

extension [ParameterState] {
    /// `Optimizer.state`.
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
                }, "Optimizer: a state of another module")
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

    /// Calls `body` with each parameter that has a gradient, and its state.
    mutating func forEach(
        in module: inout some Module, _ gradients: Gradients,
        _ body: (inout ParameterState, inout Tensor, Tensor) -> Void
    ) {
        require(
            gradients.tensors.count == count,
            "Optimizer: \(gradients.tensors.count) gradients for \(count) parameters")
        var position = 0
        // Moved out of `self` and back, since a closure may not hold an inout array.
        var states = self
        self = []
        module.forEachParameter { name, parameter in
            require(position < states.count, "Optimizer: a parameter more, \(name)")
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
            position == states.count, "Optimizer: \(position) parameters of \(states.count)")
        self = states
    }
}
