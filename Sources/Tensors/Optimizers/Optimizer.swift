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

    /// All that is remembered, in an order that depends on the module alone: to be stored, and put
    /// back into an optimiser made for the same module.
    ///
    /// - Precondition: what is put back has the shapes of what is there.
    var state: [Tensor] { get set }
}

/// By how much the rate and the weight decay of a step count for one parameter.
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

/// What is remembered of one parameter, and how steps count for it.
struct ParameterState: Sendable {
    var scaling: ParameterScaling
    /// Running averages, each of the parameter's shape.
    var averages: [Tensor]
    /// Steps taken.
    var steps = 0

    /// One for each parameter of a module, with averages of zero.
    static func all(
        of module: some Module, averages: Int,
        _ scaling: (_ name: String, _ parameter: Tensor) -> ParameterScaling
    ) -> [ParameterState] {
        module.parameters.map { name, parameter in
            ParameterState(
                scaling: scaling(name, parameter),
                averages: (0..<averages).map { _ in Tensor(repeating: 0, shape: parameter.shape) })
        }
    }
}

extension [ParameterState] {
    /// The averages, parameter by parameter, and last the counts of steps.
    var tensors: [Tensor] {
        get {
            flatMap(\.averages) + [Tensor(map { Float($0.steps) }, shape: [count])]
        }
        set {
            require(
                newValue.map(\.shape) == tensors.map(\.shape),
                "Optimizer: a state of another module")
            var rest = newValue[...]
            for index in indices {
                let averages = self[index].averages.count
                self[index].averages = rest.prefix(averages).map { $0 }
                rest = rest.dropFirst(averages)
            }
            for (index, steps) in (rest.first?.elements ?? []).enumerated() {
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
