import Platform

extension VisionTransformer {
    /// Width, depth and heads of a network, as a person names them: `tiny`, `small`, `base` or
    /// `WIDTHxDEPTHxHEADS`, `96x4x4` for example.
    public struct Architecture: Hashable, Sendable, Codable {
        /// Channels of a token.
        public let width: Int
        /// Number of blocks.
        public let depth: Int
        /// Attention heads.
        public let heads: Int

        /// - Precondition: all are at least 1, and `heads` divides `width`.
        public init(width: Int, depth: Int, heads: Int) {
            require(
                width > 0 && depth > 0 && heads > 0 && width % heads == 0,
                "Architecture: width \(width), depth \(depth), heads \(heads)")
            self.width = width
            self.depth = depth
            self.heads = heads
        }

        /// ViT-Ti, `vit_tiny` of vision_transformer.py.
        public static let tiny = Architecture(width: 192, depth: 12, heads: 3)
        /// ViT-S, `vit_small`.
        public static let small = Architecture(width: 384, depth: 12, heads: 6)
        /// ViT-B, `vit_base`.
        public static let base = Architecture(width: 768, depth: 12, heads: 12)

        private static let named: [(name: String, architecture: Architecture)] = [
            ("tiny", tiny), ("small", small), ("base", base),
        ]
    }
}

extension VisionTransformer.Architecture: LosslessStringConvertible {
    /// Reads a name; `nil` where it is none, or where the heads do not divide the width.
    public init?(_ description: String) {
        if let (_, named) = Self.named.first(where: { $0.name == description }) {
            self = named
            return
        }
        let parts = description.split(separator: "x", omittingEmptySubsequences: false)
        let numbers = parts.compactMap { Int($0) }
        guard parts.count == 3, numbers.count == 3, numbers.allSatisfy({ $0 > 0 }),
            numbers[0] % numbers[2] == 0
        else { return nil }
        self.init(width: numbers[0], depth: numbers[1], heads: numbers[2])
    }

    public var description: String {
        Self.named.first { $0.architecture == self }?.name ?? "\(width)x\(depth)x\(heads)"
    }
}

extension VisionTransformer.Configuration {
    /// A network of an architecture, its position codes for square images.
    ///
    /// - Parameter imageSize: their side in pixels; the official code trains all for 224.
    public init(
        _ architecture: VisionTransformer.Architecture, patchSize: Int = 16, imageSize: Int = 224
    ) {
        let side = imageSize / patchSize
        self.init(
            width: architecture.width, depth: architecture.depth, heads: architecture.heads,
            patchSize: patchSize, positionGrid: PatchGrid(rows: side, columns: side))
    }
}
