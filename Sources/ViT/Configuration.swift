import Platform
import Tensors

extension VisionTransformer {
    /// The architecture of a vision transformer: with DINO's form as the default, and what DINOv2 (Oquab et
    /// al. 2023), its registers (Darcet et al. 2023) and DINOv3 (Siméoni et al. 2025) changed of it.
    public struct Configuration: Hashable, Sendable {
        /// Channels of a token.
        public var width: Int
        /// Number of blocks.
        public var depth: Int
        /// Attention heads; divides `width`.
        public var heads: Int
        /// Side of a square patch in pixels.
        public var patchSize: Int
        /// Channels of the hidden layer of each block's feed-forward part: four times `width` in every
        /// published network without gates.
        public var hiddenWidth: Int
        public var positions: Positions
        /// Added to the variance by each layer norm: 1e-6 (`vit_small` in vision_transformer.py), 1e-5 in
        /// DINOv3.
        public var layerNormEpsilon: Float
        /// Tokens beside the class token and the patches, in which the network keeps what is of the whole
        /// image.
        public var registers = 0
        public var feedForward = FeedForward.Kind.perceptron
        /// Whether each channel of a block's branches has a factor (LayerScale; Touvron et al. 2021).
        public var hasLayerScale = false
        /// Whether keys have biases; DINOv3's do not.
        public var hasKeyBias = true
        /// Whether it has a token that takes the place of masked patches in training (Zhou et al. 2022).
        public var hasMaskToken = false
        /// What pictures' colours are brought to.
        public var normalization = Normalization.imageNet

        /// How tokens know where they are.
        public enum Positions: Hashable, Sendable, Codable {
            /// By learnt codes, which are added to the tokens of a grid of patches: 28x28 for 224 pixels and
            /// patch 8.
            case learnt(PatchGrid)
            /// By turning queries and keys; see `RotaryPositions`.
            case rotary(periods: [Float])
        }

        /// - Parameter positionGrid: by default that of images of 224 pixels.
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

        /// Channels that a block's hidden layer takes in memory.
        package var channelsOfHiddenLayer: Int {
            feedForward == .swiGLU ? 3 * hiddenWidth : hiddenWidth
        }

        /// A layer's number from 0, of one that may be counted from the end, -1 being the last; nil where
        /// there is no such layer.
        public func layer(_ index: Int) -> Int? {
            let layer = index < 0 ? depth + index : index
            return 0..<depth ~= layer ? layer : nil
        }

        /// The names of the parameters, those of the official files, with their shapes there.
        package var parameterShapes: [(name: String, shape: Shape)] {
            Tensors.parameterShapes { VisionTransformer(self, from: $0) }
        }
    }
}

extension VisionTransformer.Configuration: Codable {
    private enum CodingKeys: String, CodingKey {
        case width, depth, heads, patchSize, hiddenWidth, positionGrid, layerNormEpsilon
        // Not in the files of the first versions, which had DINO's networks alone.
        case rotaryPeriods, registers, feedForward, hasLayerScale, hasKeyBias, hasMaskToken,
            normalization
    }

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
    }

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
    }
}

/// As a person names the size of a network: `tiny`, `small`, `base` or `WIDTHxDEPTHxHEADS`, `96x4x4` for
/// example.
extension VisionTransformer.Configuration: LosslessStringConvertible {
    private static let named: [(name: String, configuration: Self)] = [
        ("tiny", tiny()), ("small", small()), ("base", base()),
    ]

    /// Reads a size; `nil` where it is none, or where the heads do not divide the width.
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

    /// The size alone.
    public var description: String {
        Self.named.first { hasSize(of: $0.configuration) }?.name ?? "\(width)x\(depth)x\(heads)"
    }

    /// Whether width, depth and heads are those of another.
    public func hasSize(of other: Self) -> Bool {
        (width, depth, heads) == (other.width, other.depth, other.heads)
    }

    /// DINO's network of this size, its position codes for square images.
    ///
    /// - Parameter imageSize: their side in pixels; the official code trains all for 224.
    public func sized(patchSize: Int, imageSize: Int) -> Self {
        let side = imageSize / patchSize
        return Self(
            width: width, depth: depth, heads: heads, patchSize: patchSize,
            positionGrid: PatchGrid(rows: side, columns: side))
    }

    /// Such as `ViT-S/8` or `ViT-L/14 with 4 registers`, or for other sizes `ViT 96x2 (3 heads)/8`.
    public var name: String {
        let known: [String: String] = [
            "192x12x3x768": "Ti", "384x12x6x1536": "S", "768x12x12x3072": "B",
            "1024x24x16x4096": "L", "1536x40x24x4096": "g", "1280x32x20x5120": "H",
        ]
        let size =
            known["\(width)x\(depth)x\(heads)x\(hiddenWidth)"].map { letter in
                // With gates DINOv3's are called so.
                "-" + letter + (feedForward == .swiGLU && letter != "g" ? "+" : "")
            } ?? " \(width)x\(depth) (\(heads) head\(heads == 1 ? "" : "s"))"
        return "ViT\(size)/\(patchSize)" + (registers > 0 ? " with \(registers) registers" : "")
    }
}
