import Foundation
import Platform
import Tensors

// The state of training as named tensors and the index of its next step, for storing and resuming.

extension DINOTrainer {
    /// Everything that steps change except `step`: the student (`student.backbone.cls_token`,
    /// `student.head.mlp.0.weight` …), the teacher likewise, the centre, and the optimiser's state for each
    /// parameter (`optimizer.0.backbone.cls_token` …). The elements are shared, not copied.
    public var state: [String: Tensor] {
        var tensors = ["centre": loss.centre]
        if options.objectives.ibot > 0 { tensors["patch_centre"] = patchLoss.centre }
        for (name, tensor) in student.parameters { tensors["student." + name] = tensor }
        for (name, tensor) in teacher.parameters { tensors["teacher." + name] = tensor }
        for (name, tensor) in optimizer.state { tensors["optimizer." + name] = tensor }
        for (name, path) in Self.standardizationNames {
            if let standardizations { tensors[name] = standardizations[keyPath: path] }
        }
        return tensors
    }

    /// Resumes a stopped training: the next steps give the same bits as without the stop.
    ///
    /// - Parameters:
    ///   - step: the `step` of the trainer whose `state` was stored.
    ///   - tensor: returns the stored tensor of a name, which has the given shape.
    /// - Throws: what `tensor` throws; nothing has changed then.
    /// - Precondition: the tensors have these shapes.
    public mutating func restore(
        step: Int, _ tensor: (_ name: String, _ shape: Shape) throws -> Tensor
    ) rethrows {
        func stored(_ name: String, _ shape: Shape) throws -> Tensor {
            let result = try tensor(name, shape)
            require(
                result.shape == shape, "restore: \(name) is \(result.shape), expected \(shape)")
            return result
        }
        var restored = self
        restored.loss.centre = try stored("centre", loss.centre.shape)
        if options.objectives.ibot > 0 {
            restored.patchLoss.centre = try stored("patch_centre", patchLoss.centre.shape)
        }
        try restored.student.forEachParameter { name, parameter in
            parameter = try stored("student." + name, parameter.shape)
        }
        try restored.teacher.forEachParameter { name, parameter in
            parameter = try stored("teacher." + name, parameter.shape)
        }
        restored.optimizer.state = try optimizer.state.map {
            ($0.name, try stored("optimizer." + $0.name, $0.tensor.shape))
        }
        if let channels = options.distillation?.channels, step > 0 {
            let unset = Tensor(repeating: 0, shape: [channels])
            let none = Standardization(mean: unset, variance: unset)
            var standardizations = Standardizations(patches: none, classToken: none)
            for (name, path) in Self.standardizationNames {
                standardizations[keyPath: path] = try stored(name, [channels])
            }
            restored.standardizations = standardizations
        }
        restored.step = step
        self = restored
    }

    /// Replaces this process's state by that of the first of the processes that train together.
    ///
    /// - Complexity: O(parameters).
    mutating func receiveState() throws {
        guard communicator.count > 1 else { return }
        struct Contents: Codable {
            var step: Int
            var shapes: [String: [Int]]
        }
        var tensors = state
        let own = Contents(step: step, shapes: tensors.mapValues(\.shape.dimensions))
        let text = communicator.broadcast(Array(try JSONEncoder().encode(own)))
        let received = try JSONDecoder().decode(Contents.self, from: Data(text))
        for (name, dimensions) in received.shapes.sorted(by: { $0.key < $1.key }) {
            let shape = Shape(dimensions)
            var tensor = tensors.removeValue(forKey: name) ?? Tensor(repeating: 0, shape: shape)
            communicator.broadcast(&tensor)
            tensors[name] = tensor
        }
        restore(step: received.step) { name, shape in
            tensors[name] ?? Tensor(repeating: 0, shape: shape)
        }
    }

    /// A message about what is wrong with a tensor to be restored, as a clause; nil if it is valid.
    ///
    /// Elements must be finite, averages of squares not negative, and the optimiser's step count of each parameter
    /// consistent with the training's. A count may be lower if a block's branches were skipped for all crops of a
    /// step, or if no objective reached the parameter. Counts are float32, exact up to 2^24; higher counts are
    /// treated as equal.
    func fault(of tensor: Tensor, named name: String, step: Int) -> String? {
        guard tensor.isFinite else { return "\(name) is not finite" }
        if name.hasPrefix("optimizer.1."), tensor.elements.contains(where: { $0 < 0 }) {
            return "\(name), an average of squares, is negative"
        }
        if name.hasSuffix(".variance"), tensor.elements.contains(where: { $0 < 0 }) {
            return "\(name) is negative"
        }
        guard name == Self.countsName else { return nil }
        let exact: Float = 0x1p24
        for (parameter, count) in zip(student.parameters.map(\.name), tensor.elements) {
            let learnt = frozenSteps(parameter).map { max(0, step - $0) } ?? 0
            let most = min(Float(learnt), exact)
            let least = isTrainedInEveryStep(parameter) ? most : 0
            guard count == count.rounded(), least...most ~= min(count, exact)
            else {
                return
                    "its optimiser counts \(count) steps of \(parameter), but \(learnt) were taken"
            }
        }
        return nil
    }

    /// Whether a parameter has a gradient in every step in which it is not frozen: DINO's objective reaches the
    /// whole network and its head, except for branches skipped by stochastic depth. Other objectives may reach
    /// fewer.
    private func isTrainedInEveryStep(_ name: String) -> Bool {
        let isBranch = options.stochasticDepth > 0 && name.hasPrefix("backbone.blocks.")
        let isReached = name.hasPrefix("backbone.") || name.hasPrefix("head.")
        return options.objectives.dino > 0 && isReached && !isBranch
            && name != "backbone.mask_token"
    }

    /// The names of the tensors that hold a feature teacher's means and variances.
    private static var standardizationNames:
        [(name: String, path: WritableKeyPath<Standardizations, Tensor>)]
    {
        [
            ("features.patches.mean", \.patches.mean),
            ("features.patches.variance", \.patches.variance),
            ("features.class_token.mean", \.classToken.mean),
            ("features.class_token.variance", \.classToken.variance),
        ]
    }

    private static let countsName = "optimizer.steps"
}
