import Platform
import Tensors

// The parameters by their official names, in the order of PyTorch's `named_parameters()` for
// vision_transformer.py.

extension VisionTransformer: Module {
    public mutating func forEachParameter(_ body: (String, inout Tensor) throws -> Void) rethrows {
        try body("cls_token", &classToken)
        try body("pos_embed", &positionEncoding.table)
        try patchEmbedding.projection.forEachParameter(under: "patch_embed.proj", body)
        for index in blocks.indices {
            try blocks[index].forEachParameter(under: "blocks.\(index)", body)
        }
        try norm.forEachParameter(under: "norm", body)
    }
}

extension Block: Module {
    public mutating func forEachParameter(_ body: (String, inout Tensor) throws -> Void) rethrows {
        try attentionNorm.forEachParameter(under: "norm1", body)
        try attention.projection.forEachParameter(under: "attn.qkv", body)
        try attention.output.forEachParameter(under: "attn.proj", body)
        try perceptronNorm.forEachParameter(under: "norm2", body)
        try perceptron.hidden.forEachParameter(under: "mlp.fc1", body)
        try perceptron.output.forEachParameter(under: "mlp.fc2", body)
    }
}

extension VisionTransformer {
    /// The parameters in the shapes of the official files, to be written. Elements are shared.
    public var weights: Weights {
        let shapes = Dictionary(
            uniqueKeysWithValues: configuration.weightShapes.map { ($0.name, $0.shape) })
        var tensors: [String: Tensor] = [:]
        for (name, tensor) in parameters {
            guard let shape = shapes[name] else {
                fail("weights: no shape is known for \(name)")
            }
            tensors[name] = tensor.reshaped(to: shape)
        }
        return Weights(configuration: configuration, tensors: tensors)
    }
}
