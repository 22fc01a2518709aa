import Tensors
import ViT

// A training as named tensors and the number of its next step: what is stored to go on from.

extension DINOTrainer {
    /// Everything that steps change, but for `step`: the student (`student.backbone.cls_token`,
    /// `student.head.mlp.0.weight` …), the teacher likewise, the centre, and what the optimiser
    /// remembers of each parameter (`optimizer.0.backbone.cls_token` …). Elements are shared.
    public var state: [String: Tensor] {
        var tensors = ["centre": loss.centre]
        for (name, tensor) in student.parameters { tensors["student." + name] = tensor }
        for (name, tensor) in teacher.parameters { tensors["teacher." + name] = tensor }
        for (name, tensor) in zip(optimizerNames, optimizer.state) { tensors[name] = tensor }
        return tensors
    }

    /// Takes up a training that was stopped: the next steps give the bits that they would have given.
    ///
    /// - Parameters:
    ///   - step: the `step` of the trainer whose `state` it was.
    ///   - tensor: gives the tensor of a name, of the shape that `state` has under it now.
    /// - Precondition: the tensors have these shapes.
    public mutating func restore(
        step: Int, _ tensor: (_ name: String, _ shape: Shape) throws -> Tensor
    ) rethrows {
        func stored(_ name: String, _ shape: Shape) throws -> Tensor {
            let result = try tensor(name, shape)
            precondition(
                result.shape == shape, "restore: \(name) is \(result.shape), expected \(shape)")
            return result
        }
        var restored = self
        restored.loss.centre = try stored("centre", loss.centre.shape)
        try restored.student.forEachParameter { name, parameter in
            parameter = try stored("student." + name, parameter.shape)
        }
        try restored.teacher.forEachParameter { name, parameter in
            parameter = try stored("teacher." + name, parameter.shape)
        }
        restored.optimizer.state = try zip(optimizerNames, optimizer.state).map {
            try stored($0, $1.shape)
        }
        restored.step = step
        self = restored
    }

    /// The names of the optimiser's state, in its order: the averages of each parameter, and last how
    /// many steps each has taken.
    private var optimizerNames: [String] {
        let names = student.parameters.map(\.name)
        let averages = (optimizer.state.count - 1) / names.count
        return names.flatMap { name in (0..<averages).map { "optimizer.\($0).\(name)" } }
            + ["optimizer.steps"]
    }
}
