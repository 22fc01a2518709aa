import Platform

/// The gradient of a scalar with respect to each parameter of a module.
public struct Gradients: Sendable {
    /// One gradient per parameter, in the module's order and with the parameter's shape; `nil` if the parameter was not
    /// tracked, the value does not depend on it, or nothing has been added yet.
    public var tensors: [Tensor?]

    /// Creates an empty set of gradients for a module with `count` parameters.
    public init(count: Int) {
        tensors = Array(repeating: nil, count: count)
    }

    /// Creates an empty set of gradients for this module.
    ///
    /// - Complexity: O(parameters).
    public init(of module: some Module) {
        self.init(count: module.parameters.count)
    }

    /// Adds gradients of a module with the same parameters, in place.
    ///
    /// - Precondition: both have the same number of parameters.
    /// - Complexity: O(elements).
    public mutating func add(_ other: Gradients) {
        require(
            other.tensors.count == tensors.count,
            "Gradients: \(other.tensors.count) added to \(tensors.count)")
        for (index, gradient) in other.tensors.enumerated() {
            if let gradient { tensors[index].accumulate(gradient) }
        }
    }

    /// Multiplies every gradient by a factor, in place.
    ///
    /// - Complexity: O(elements).
    public mutating func scale(by factor: Float) {
        for index in tensors.indices { scale(at: index, by: factor) }
    }

    /// Multiplies one gradient, if there is one, in place.
    mutating func scale(at index: Int, by factor: Float) {
        guard var gradient = tensors[index].take() else { return }
        gradient.scale(by: factor)
        tensors[index] = gradient
    }

    /// Removes all gradients; the next ones start from nothing.
    public mutating func removeAll() {
        for index in tensors.indices { tensors[index] = nil }
    }
}

/// Runs `loss` on a model and adds the gradient of its result to `gradients`.
///
/// - Parameters:
///   - model: its parameters are the variables; it is not changed.
///   - gradients: the gradients of this model, `Gradients(of: model)` at first. The new gradients are added in place,
///     so that one call for each of several losses gives the gradient of their sum.
///   - isTracked: returns whether the parameter of a given name has a gradient; all do by default. The others are
///     constants, and nothing is computed that only they would need.
///   - loss: returns one element, computed from the model's parameters. It is called once. If the result depends on no
///     tracked parameter, the gradients stay as they are.
/// - Returns: the result of `loss`, untracked.
/// - Throws: what `loss` throws; the gradients are then unchanged.
/// - Complexity: two to three times the arithmetic of `loss`; memory for what its pullbacks keep.
public func valueWithGradient<Model: Module>(
    at model: Model, addingTo gradients: inout Gradients,
    tracking isTracked: (String) -> Bool = { _ in true }, _ loss: (Model) throws -> Tensor
) rethrows -> Tensor {
    try valueWithGradient(
        at: model, addingTo: &gradients, tracking: isTracked, whenComplete: nil, loss)
}

/// The same, but hands over each parameter's gradient, by the parameter's place in the module's order, as soon as it is
/// complete.
///
/// - Parameter whenComplete: called once for each parameter, in any order; `gradients` is empty then.
package func valueWithGradient<Model: Module>(
    at model: Model, addingTo gradients: inout Gradients, tracking isTracked: (String) -> Bool,
    whenComplete: ((_ index: Int, _ gradient: Tensor?) -> Void)?,
    _ loss: (Model) throws -> Tensor
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
    require(value.count == 1, "valueWithGradient: a value of shape \(value.shape), not one element")
    // Without a tracked parameter in it, the value has no gradient.
    let variables = value.isTracked ? tracked : []
    if let whenComplete {
        for position in Set(gradients.tensors.indices).subtracting(variables) {
            whenComplete(position, gradients.tensors[position].take())
        }
    }
    if value.isTracked {
        // Moved out and back, so that they have one owner while they are added to.
        var sums = variables.map { gradients.tensors[$0].take() }
        tape.backward(
            from: value, gradient: Tensor(repeating: 1, shape: value.shape), into: &sums,
            whenComplete: whenComplete.map { handOver in { handOver(variables[$0], $1) } })
        for (sum, position) in zip(sums, variables) { gradients.tensors[position] = sum }
    }
    return value.untracked
}
