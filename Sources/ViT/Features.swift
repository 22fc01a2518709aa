import Platform
import Tensors

/// What of a layer is read.
public enum Facet: String, Hashable, Sendable, Codable, CaseIterable {
    /// A projection of its attention, before rotary positions turn it.
    case query, key, value
    /// Its output.
    case token
    /// The attention that its class token pays to every token.
    case classAttention
    /// The attention that each of its registers pays to every token.
    case registerAttention
    /// Its output after the network's last norm (`get_intermediate_layers` of vision_transformer.py).
    case normedToken
    /// The class token of that. Where nothing else is wanted of the last layer, this is all of it that is
    /// computed: the same number but for rounding.
    case embedding
}

extension Facet {
    /// Whether it is a weight for each token, no vector.
    package var isAttention: Bool { self == .classAttention || self == .registerAttention }
}

/// A place in the network from which features are taken.
public struct FeatureTap: Hashable, Sendable, Codable {
    /// The block, counted from 0, or from the end, -1 being the last.
    public var layer: Int
    public var facet: Facet

    public init(layer: Int, facet: Facet) {
        self.layer = layer
        self.facet = facet
    }
}

/// The distance between neighbouring patches in pixels, along rows and columns of the image.
public struct PatchStride: Hashable, Sendable, Codable {
    /// The step from one row of patches to the next (downwards).
    public var vertical: Int
    /// The step from one column of patches to the next (to the right).
    public var horizontal: Int

    public init(vertical: Int, horizontal: Int) {
        self.vertical = vertical
        self.horizontal = horizontal
    }

    /// The same step both ways.
    public init(_ step: Int) {
        self.init(vertical: step, horizontal: step)
    }
}

/// How many patches an image is cut into.
public struct PatchGrid: Hashable, Sendable, Codable {
    public var rows: Int
    public var columns: Int

    public init(rows: Int, columns: Int) {
        self.rows = rows
        self.columns = columns
    }

    public var count: Int { rows * columns }
}

/// Which tokens are which.
public struct TokenLayout: Hashable, Sendable {
    /// Tokens of the network that stand between the class token, which is the first, and the patches.
    public let registers: Int
    /// The patches, which come last, row by row.
    public let grid: PatchGrid

    public init(registers: Int = 0, grid: PatchGrid) {
        self.registers = registers
        self.grid = grid
    }

    public var count: Int { 1 + registers + grid.count }

    /// The indices of the patches' tokens.
    public var patches: Range<Int> { count - grid.count..<count }
}

/// What one forward pass gave at the taps that were asked for.
public struct Features: Sendable {
    /// The tokens of each image of the batch.
    public let layout: TokenLayout
    /// The network's.
    public let configuration: VisionTransformer.Configuration
    /// By tap: `[batch, tokens, width]` for query, key and value (channel
    /// `head * headWidth + dimension`), token and normedToken; `[batch, heads, tokens]` for
    /// classAttention; `[batch, registers * heads, tokens]`, the heads of a register one after the
    /// other, for registerAttention; `[batch, width]` for embedding.
    public let values: [FeatureTap: Tensor]

    package init(
        layout: TokenLayout, configuration: VisionTransformer.Configuration,
        values: [FeatureTap: Tensor]
    ) {
        self.layout = layout
        self.configuration = configuration
        self.values = values
    }

    public var grid: PatchGrid { layout.grid }

    /// The network's attention heads.
    public var heads: Int { configuration.heads }

    /// What the pass gave at a tap, for the whole batch.
    ///
    /// - Precondition: the tap was asked for.
    public subscript(tap: FeatureTap) -> Tensor {
        guard let value = values[tap] else {
            fail(
                "Features: \(tap.facet.rawValue) of layer \(tap.layer) was not asked for")
        }
        return value
    }

    /// The patches' vectors of an image, `[rows * columns, width]`. Shares the elements; complexity: O(1).
    ///
    /// - Precondition: the tap was asked for, and is one of vectors; the image is in the batch.
    public func patches(at tap: FeatureTap, image: Int = 0) -> Tensor {
        tokens(at: tap, image: image).rows(layout.patches)
    }

    /// The class token's vector of an image, `[width]`. Shares the elements; complexity: O(1).
    ///
    /// - Precondition: as that of `patches`.
    public func classToken(at tap: FeatureTap, image: Int = 0) -> Tensor {
        let tokens = tokens(at: tap, image: image)
        return tokens.rows(0..<1).reshaped(to: [tokens.shape[1]])
    }

    /// The attention that an image's class token pays to the patches, `[heads, rows * columns]`, a share of
    /// what it pays to all tokens. Complexity: O(result).
    ///
    /// - Precondition: the layer's attention was asked for; the image is in the batch.
    public func classAttention(inLayer layer: Int, image: Int = 0) -> Tensor {
        let rows = vectors(at: FeatureTap(layer: layer, facet: .classAttention), image: image)
        return rows.columns(layout.patches)
    }

    /// The same of each register, `[registers * heads, rows * columns]`.
    public func registerAttention(inLayer layer: Int, image: Int = 0) -> Tensor {
        let rows = vectors(at: FeatureTap(layer: layer, facet: .registerAttention), image: image)
        return rows.columns(layout.patches)
    }

    private func tokens(at tap: FeatureTap, image: Int) -> Tensor {
        let tokens = vectors(at: tap, image: image)
        require(
            !tap.facet.isAttention && tokens.shape[0] == layout.count,
            "Features: \(tap.facet.rawValue) \(tokens.shape) has no vector for each token")
        return tokens
    }

    /// An image's matrix.
    private func vectors(at tap: FeatureTap, image: Int) -> Tensor {
        let value = self[tap]
        require(
            value.shape.rank == 3 && 0..<value.shape[0] ~= image,
            "Features: no image \(image) in \(tap.facet.rawValue) \(value.shape)")
        return value.rows(image..<image + 1)
            .reshaped(to: Shape(Array(value.shape.dimensions.dropFirst())))
    }
}
