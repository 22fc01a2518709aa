import Platform

/// The gradient of a number with respect to each parameter of a module.
public struct Gradients: Sendable {
    /// One for each parameter in the module's order, of its shape; `nil` where there is none: the
    /// parameter was not tracked, the value does not depend on it, or nothing has been added yet.
    public var tensors: [Tensor?]

    /// No gradients yet, for a module with `count` parameters.
    public init(count: Int) {
        tensors = Array(repeating: nil, count: count)
    }

    /// No gradients yet, for this module.
    public init(of module: some Module) {
        self.init(count: module.parameters.count)
    }

    /// Adds another module's gradients of the same form, in place.
    public mutating func add(_ other: Gradients) {
        require(
            other.tensors.count == tensors.count,
            "Gradients: \(other.tensors.count) added to \(tensors.count)")
        for (index, gradient) in other.tensors.enumerated() {
            if let gradient { tensors[index].accumulate(gradient) }
        }
    }

    /// Multiplies each by a number, in place.
    public mutating func scale(by factor: Float) {
        for index in tensors.indices {
            guard var gradient = tensors[index].take() else { continue }
            gradient.scale(by: factor)
            tensors[index] = gradient
        }
    }

    /// Forgets them all: the next are not added to anything.
    public mutating func removeAll() {
        for index in tensors.indices { tensors[index] = nil }
    }
}

/// Runs `loss` on a model and adds the gradient of what it returns to `gradients`.
///
/// - Parameters:
///   - model: its parameters are the variables; it is not changed.
///   - gradients: of this model's form, `Gradients(of: model)` at first. What is there already is
///     added to in place: the gradient of a sum of losses comes from one call for each.
///   - isTracked: whether there is a gradient for the parameter of this name. The others are
///     constants, and what only they need is not computed.
///   - loss: returns one element, computed from the model's parameters. It is run once. Where it depends on
///     none of them, gradients stay as they are.
/// - Returns: what `loss` returned, untracked.
/// - Complexity: two to three times the arithmetic of `loss`; memory for what its pullbacks keep.
public func valueWithGradient<Model: Module>(
    at model: Model, addingTo gradients: inout Gradients,
    tracking isTracked: (String) -> Bool = { _ in true }, _ loss: (Model) throws -> Tensor
) rethrows -> Tensor {
    let tape = Tape()
    var tracked: [Int] = []
    var position = 0
    let value = try {
        var model = model
        model.forEachParameter { name, parameter in
            if isTracked(name) {
                parameter = tape.track(parameter)
                tracked.append(position)
            }
            position += 1
        }
        return try loss(model)
    }()
    require(
        gradients.tensors.count == position,
        "valueWithGradient: \(gradients.tensors.count) gradients for \(position) parameters")
    // A value that depends on no parameter that is tracked has no gradient.
    guard value.isTracked else { return value }
    // Moved out and back, so that nobody shares them while they are added to.
    var sums = tracked.map { gradients.tensors[$0].take() }
    tape.backward(from: value, into: &sums)
    for (index, position) in tracked.enumerated() {
        gradients.tensors[position] = sums[index].take()
    }
    return value.untracked
}
