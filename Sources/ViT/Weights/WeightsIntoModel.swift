import Tensors

extension VisionTransformer {
    /// Creates a transformer with weights. Complexity: O(1), the parameters are shared.
    public init(_ weights: Weights, positionResampling: PositionResampling = .scaleFactor) {
        self.init(
            configuration: weights.configuration, positionResampling: positionResampling
        ) { weights[$0] }
    }

    /// Opens a transformer from a weight file; see `WeightFile` for what is understood.
    ///
    /// - Parameter heads: attention heads; nil for what the file says or else width / 64.
    public init(contentsOf path: String, heads: Int? = nil) throws(WeightsError) {
        self.init(try Weights(contentsOf: path, heads: heads))
    }
}

extension VisionTransformer.Weights {
    /// The weights with which training starts (vision_transformer.py): matrices, class token and
    /// position codes normal with deviation 0.02 cut off at ±2, biases 0, norms 1; the patch
    /// embedding, as PyTorch's `Conv2d`, uniform within ±1 / sqrt(3 * patchSize²).
    ///
    /// The same generator gives the same weights to the bit.
    public init(
        untrained configuration: VisionTransformer.Configuration,
        using generator: inout some RandomNumberGenerator
    ) {
        let bound = 1 / Double(3 * configuration.patchSize * configuration.patchSize).squareRoot()
        var tensors: [String: Tensor] = [:]
        for (name, shape) in configuration.weightShapes {
            let isNorm = name.contains("norm")
            if name.hasPrefix("patch_embed.") {
                let values = (0..<shape.count).map { _ in
                    Float((2 * generator.nextUniform() - 1) * bound)
                }
                tensors[name] = Tensor(values, shape: shape)
            } else if name.hasSuffix(".bias") || isNorm {
                tensors[name] = Tensor(repeating: name.hasSuffix(".bias") ? 0 : 1, shape: shape)
            } else {
                let values = (0..<shape.count).map { _ in
                    Float(min(max(0.02 * generator.nextNormal(), -2), 2))
                }
                tensors[name] = Tensor(values, shape: shape)
            }
        }
        self.init(configuration: configuration, tensors: tensors)
    }
}
