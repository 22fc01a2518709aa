import Tensors

extension VisionTransformer {
    /// The architecture of a vision transformer. The defaults are DINO's; the options are the changes of DINOv2
    /// (Oquab et al. 2023), its registers (Darcet et al. 2023) and DINOv3 (Siméoni et al. 2025).
    public struct Configuration: Hashable, Sendable {
        /// Channels of a token.
        public var width: Int
        /// The number of blocks.
        public var depth: Int
        /// The number of attention heads; divides `width`.
        public var heads: Int
        /// The side of a square patch in pixels.
        public var patchSize: Int
        /// Channels of each block's hidden feed-forward layer: four times `width` in every published network
        /// without gates.
        public var hiddenWidth: Int
        /// How positions are encoded.
        public var positions: Positions
        /// The epsilon of every layer norm, added to the variance: 1e-6 (`vit_small` in vision_transformer.py),
        /// 1e-5 in DINOv3.
        public var layerNormEpsilon: Float
        /// The number of register tokens, in which the network stores information about the whole image.
        public var registers = 0
        /// The kind of the feed-forward layers.
        public var feedForward = FeedForward.Kind.perceptron
        /// Whether the output of each branch of a block is scaled by a learnt factor per channel (LayerScale;
        /// Touvron et al. 2021).
        public var hasLayerScale = false
        /// Whether keys have biases; those of DINOv3 have none.
        public var hasKeyBias = true
        /// Whether the network has a mask token, which replaces masked patches in training (Zhou et al. 2022).
        public var hasMaskToken = false
        /// The colour normalisation of the network's input.
        public var normalization = Normalization.imageNet
        /// The mean saliency, 0…1, above which a part of a photo is foreground; nil: dino-vit-features' threshold, which
        /// suits DINO's attention, concentrated in few places. That of a network taught saliency covers whole objects.
        public var saliencyThreshold: Float?

        /// How positions are encoded.
        public enum Positions: Hashable, Sendable, Codable {
            /// Learnt codes, added to the tokens, for one grid of patches: 28x28 for 224 pixels and patch 8.
            case learnt(PatchGrid)
            /// Rotation of queries and keys; see `RotaryPositions`.
            case rotary(periods: [Float])
        }

        /// Creates the configuration of one of DINO's networks, with learnt positions.
        ///
        /// - Parameters:
        ///   - width: channels of a token.
        ///   - depth: the number of blocks.
        ///   - heads: the number of attention heads.
        ///   - patchSize: the side of a patch in pixels.
        ///   - hiddenWidth: channels of the hidden layers; four times the width by default.
        ///   - positionGrid: the grid of learnt positions; that of a 224-pixel image by default.
        ///   - layerNormEpsilon: the epsilon of the layer norms.
        public init(
            width: Int, depth: Int, heads: Int, patchSize: Int = 16, hiddenWidth: Int? = nil,
            positionGrid: PatchGrid? = nil, layerNormEpsilon: Float = 1e-6
        ) {
            self.width = width
            self.depth = depth
            self.heads = heads
            self.patchSize = patchSize
            self.hiddenWidth = hiddenWidth ?? 4 * width
            positions = .learnt(
                positionGrid ?? PatchGrid(rows: 224 / patchSize, columns: 224 / patchSize))
            self.layerNormEpsilon = layerNormEpsilon
        }

        /// ViT-Ti: width 192, 12 blocks, 3 heads (`vit_tiny` of vision_transformer.py).
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

        /// Channels of one head.
        public var headWidth: Int { width / heads }

        /// Channels per token that a block's hidden layer holds in memory.
        package var channelsOfHiddenLayer: Int {
            feedForward == .swiGLU ? 3 * hiddenWidth : hiddenWidth
        }

        /// Resolves a layer index, which may be negative to count from the end (-1 is the last layer).
        ///
        /// - Returns: the index from 0; nil if there is no such layer.
        public func layer(_ index: Int) -> Int? {
            let layer = index < 0 ? depth + index : index
            return 0..<depth ~= layer ? layer : nil
        }

        /// The names and shapes of the parameters, as in the official files.
        package var parameterShapes: [(name: String, shape: Shape)] {
            Tensors.parameterShapes { VisionTransformer(self, from: $0) }
        }
    }
}

extension VisionTransformer.Configuration: Codable {
    private enum CodingKeys: String, CodingKey {
        case width, depth, heads, patchSize, hiddenWidth, positionGrid, layerNormEpsilon
        // Absent from files of the first versions, which supported DINO's networks only.
        case rotaryPeriods, registers, feedForward, hasLayerScale, hasKeyBias, hasMaskToken,
            normalization, saliencyThreshold
    }

    /// Decodes a configuration; keys absent from older files get DINO's values.
    public init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        func value<Value: Decodable>(_ key: CodingKeys) throws -> Value {
            try container.decode(Value.self, forKey: key)
        }
        func value<Value: Decodable>(_ key: CodingKeys, or former: Value) throws -> Value {
            try container.decodeIfPresent(Value.self, forKey: key) ?? former
        }
        let grid = try container.decodeIfPresent(PatchGrid.self, forKey: .positionGrid)
        width = try value(.width)
        depth = try value(.depth)
        heads = try value(.heads)
        patchSize = try value(.patchSize)
        hiddenWidth = try value(.hiddenWidth)
        positions = try grid.map { .learnt($0) } ?? .rotary(periods: value(.rotaryPeriods))
        layerNormEpsilon = try value(.layerNormEpsilon)
        registers = try value(.registers, or: 0)
        feedForward = try value(.feedForward, or: .perceptron)
        hasLayerScale = try value(.hasLayerScale, or: false)
        hasKeyBias = try value(.hasKeyBias, or: true)
        hasMaskToken = try value(.hasMaskToken, or: false)
        normalization = try value(.normalization, or: .imageNet)
        saliencyThreshold = try container.decodeIfPresent(Float.self, forKey: .saliencyThreshold)
    }

    /// Encodes every property; positions are stored under the key `positionGrid` or `rotaryPeriods`.
    public func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(width, forKey: .width)
        try container.encode(depth, forKey: .depth)
        try container.encode(heads, forKey: .heads)
        try container.encode(patchSize, forKey: .patchSize)
        try container.encode(hiddenWidth, forKey: .hiddenWidth)
        switch positions {
        case .learnt(let grid): try container.encode(grid, forKey: .positionGrid)
        case .rotary(let periods): try container.encode(periods, forKey: .rotaryPeriods)
        }
        try container.encode(layerNormEpsilon, forKey: .layerNormEpsilon)
        try container.encode(registers, forKey: .registers)
        try container.encode(feedForward, forKey: .feedForward)
        try container.encode(hasLayerScale, forKey: .hasLayerScale)
        try container.encode(hasKeyBias, forKey: .hasKeyBias)
        try container.encode(hasMaskToken, forKey: .hasMaskToken)
        try container.encode(normalization, forKey: .normalization)
        try container.encodeIfPresent(saliencyThreshold, forKey: .saliencyThreshold)
    }
}

/// The size of a network as text: `tiny`, `small`, `base` or `WIDTHxDEPTHxHEADS`, for example `96x4x4`.
extension VisionTransformer.Configuration: LosslessStringConvertible {
    private static let named: [(name: String, configuration: Self)] = [
        ("tiny", tiny()), ("small", small()), ("base", base()),
    ]

    /// Parses a size; nil if the text is not one, or if the heads do not divide the width.
    public init?(_ description: String) {
        if let (_, named) = Self.named.first(where: { $0.name == description }) {
            self = named
            return
        }
        let parts = description.split(separator: "x", omittingEmptySubsequences: false)
        let numbers = parts.compactMap { Int($0) }
        guard parts.count == 3, numbers.count == 3, numbers.allSatisfy({ $0 > 0 }),
            numbers[0] % numbers[2] == 0, numbers[0] <= Int.max / 4
        else { return nil }
        self.init(width: numbers[0], depth: numbers[1], heads: numbers[2])
    }

    /// The size alone; the other properties are not shown.
    public var description: String {
        Self.named.first { hasSize(of: $0.configuration) }?.name ?? "\(width)x\(depth)x\(heads)"
    }

    /// Whether width, depth and heads equal those of another configuration.
    public func hasSize(of other: Self) -> Bool {
        (width, depth, heads) == (other.width, other.depth, other.heads)
    }

    /// DINO's network of this size, with position codes for square images.
    ///
    /// - Parameters:
    ///   - patchSize: the side of a patch in pixels.
    ///   - imageSize: the side of the images in pixels; the official code always trains with 224.
    public func sized(patchSize: Int, imageSize: Int) -> Self {
        let side = imageSize / patchSize
        return Self(
            width: width, depth: depth, heads: heads, patchSize: patchSize,
            positionGrid: PatchGrid(rows: side, columns: side))
    }

    /// The usual name of the network: for example `ViT-S/8`, `ViT-L/14 with 4 registers`, or `ViT 96x2 (3 heads)/8`
    /// for other sizes.
    public var name: String {
        let known: [String: String] = [
            "192x12x3x768": "Ti", "384x12x6x1536": "S", "768x12x12x3072": "B",
            "1024x24x16x4096": "L", "1536x40x24x4096": "g", "1280x32x20x5120": "H",
        ]
        let size =
            known["\(width)x\(depth)x\(heads)x\(hiddenWidth)"].map { letter in
                // The plus sign marks DINOv3's gated networks.
                "-" + letter + (feedForward == .swiGLU && letter != "g" ? "+" : "")
            } ?? " \(width)x\(depth) (\(heads) head\(heads == 1 ? "" : "s"))"
        return "ViT\(size)/\(patchSize)" + (registers > 0 ? " with \(registers) registers" : "")
    }
}
