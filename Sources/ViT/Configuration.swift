extension VisionTransformer {
    /// The architecture of a vision transformer.
    public struct Configuration: Hashable, Sendable, Codable {
        /// Channels of a token.
        public var width: Int
        /// Number of blocks.
        public var depth: Int
        /// Attention heads; divides `width`.
        public var heads: Int
        /// Side of a square patch in pixels.
        public var patchSize: Int
        /// Channels of the hidden layer of each block's perceptron: four times `width` in every
        /// published network.
        public var hiddenWidth: Int
        /// Patches that the position encoding was trained on: 28x28 for 224 pixels and patch 8.
        public var positionGrid: PatchGrid
        /// Added to the variance by each layer norm: 1e-6 (`vit_small` in vision_transformer.py).
        public var layerNormEpsilon: Float

        public init(
            width: Int, depth: Int, heads: Int, patchSize: Int, hiddenWidth: Int? = nil,
            positionGrid: PatchGrid? = nil, layerNormEpsilon: Float = 1e-6
        ) {
            self.width = width
            self.depth = depth
            self.heads = heads
            self.patchSize = patchSize
            self.hiddenWidth = hiddenWidth ?? 4 * width
            self.positionGrid =
                positionGrid ?? PatchGrid(rows: 224 / patchSize, columns: 224 / patchSize)
            self.layerNormEpsilon = layerNormEpsilon
        }

        /// Channels of one head.
        public var headWidth: Int { width / heads }

        /// ViT-Ti: width 192, 12 blocks, 3 heads.
        public static func tiny(patchSize: Int = 16) -> Self {
            Self(width: 192, depth: 12, heads: 3, patchSize: patchSize)
        }

        /// ViT-S: width 384, 12 blocks, 6 heads.
        public static func small(patchSize: Int = 16) -> Self {
            Self(width: 384, depth: 12, heads: 6, patchSize: patchSize)
        }

        /// ViT-B: width 768, 12 blocks, 12 heads.
        public static func base(patchSize: Int = 16) -> Self {
            Self(width: 768, depth: 12, heads: 12, patchSize: patchSize)
        }
    }
}
