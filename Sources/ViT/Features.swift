import Platform
import Tensors

/// Which output of a layer to extract.
public enum Facet: String, Hashable, Sendable, Codable, CaseIterable {
    /// A projection of the layer's attention, before rotary positions are applied.
    case query, key, value
    /// The layer's output.
    case token
    /// The attention weights of the class token to all tokens.
    case classAttention
    /// The attention weights of each register to all tokens.
    case registerAttention
    /// The layer's output after the network's last norm (`get_intermediate_layers` of vision_transformer.py).
    case normedToken
    /// The class token of `normedToken`. If neither `token` nor `normedToken` of the layer nor a later layer is requested,
    /// only the class token is computed there; the result is the same but for rounding.
    case embedding
}

extension Facet {
    /// Whether the facet has a vector for each token, and so for each patch.
    public var hasVectors: Bool {
        switch self {
        case .query, .key, .value, .token, .normedToken: true
        case .classAttention, .registerAttention, .embedding: false
        }
    }

    /// Whether the facet can become descriptors of patches: it has vectors, or is the class token's attention, whose
    /// weights of all heads describe a patch.
    public var describesPatches: Bool { hasVectors || self == .classAttention }

    /// Whether the facet is a weight per token rather than a vector.
    package var isAttention: Bool { self == .classAttention || self == .registerAttention }
}

/// Identifies a feature: one output of one layer.
public struct FeatureTap: Hashable, Sendable, Codable {
    /// The block's index from 0; negative indices count from the end, -1 being the last block.
    public var layer: Int
    /// Which of the block's outputs to extract.
    public var facet: Facet

    /// Creates a tap for one output of a block.
    ///
    /// - Parameters:
    ///   - layer: the block's index; -1 is the last block.
    ///   - facet: which of the block's outputs to extract.
    public init(layer: Int, facet: Facet) {
        self.layer = layer
        self.facet = facet
    }
}

/// The distance in pixels between neighbouring patches, vertically and horizontally.
public struct PatchStride: Hashable, Sendable, Codable {
    /// The step from one row of patches to the next (downwards).
    public var vertical: Int
    /// The step from one column of patches to the next (to the right).
    public var horizontal: Int

    /// Creates a stride from its vertical and horizontal steps in pixels.
    public init(vertical: Int, horizontal: Int) {
        self.vertical = vertical
        self.horizontal = horizontal
    }

    /// Creates a stride with the same step, in pixels, in both directions.
    public init(_ step: Int) {
        self.init(vertical: step, horizontal: step)
    }
}

/// The numbers of rows and columns of patches in an image.
public struct PatchGrid: Hashable, Sendable, Codable {
    /// The number of rows of patches.
    public var rows: Int
    /// The number of patches in a row.
    public var columns: Int

    /// Creates a grid of rows and columns of patches.
    public init(rows: Int, columns: Int) {
        self.rows = rows
        self.columns = columns
    }

    /// The number of patches.
    public var count: Int { rows * columns }
}

/// The order of an image's tokens: the class token, the registers, the patches.
public struct TokenLayout: Hashable, Sendable {
    /// The number of register tokens, between the class token and the patches.
    public let registers: Int
    /// The grid of patches, whose tokens come last, row by row.
    public let grid: PatchGrid

    /// Creates a layout of one class token, the registers and the patches of a grid.
    public init(registers: Int = 0, grid: PatchGrid) {
        self.registers = registers
        self.grid = grid
    }

    /// The number of tokens.
    public var count: Int { 1 + registers + grid.count }

    /// The number of images in a batch for inference: enough tokens for matrix products to reach full speed.
    package var imagesPerBatch: Int { max(1, min(64, 8192 / count)) }

    /// The indices of the patches' tokens.
    public var patches: Range<Int> { count - grid.count..<count }
}

extension PatchGrid {
    /// The patches that fit an image: `1 + (side - patchSize) / stride`, rounded down, along each side.
    ///
    /// - Parameters:
    ///   - width: the image's width in pixels.
    ///   - height: the image's height in pixels.
    ///   - patchSize: the side of a patch in pixels; at most the image's shorter side.
    ///   - stride: the distance between patches.
    package init(width: Int, height: Int, patchSize: Int, stride: PatchStride) {
        self.init(
            rows: 1 + (height - patchSize) / stride.vertical,
            columns: 1 + (width - patchSize) / stride.horizontal)
    }

    /// The grid of a square image whose patches do not overlap.
    package init(side: Int, patchSize: Int) {
        self.init(
            width: side, height: side, patchSize: patchSize, stride: PatchStride(patchSize))
    }
}

/// The features that one forward pass extracted at the requested taps.
public struct Features: Sendable {
    /// The token layout, which is the same for every image of the batch.
    public let layout: TokenLayout
    /// The network's architecture.
    public let configuration: VisionTransformer.Configuration
    /// The features by tap, with these shapes:
    /// - query, key, value (channel `head * headWidth + dimension`), token and normedToken:
    ///   `[batch, tokens, width]`
    /// - classAttention: `[batch, heads, tokens]`
    /// - registerAttention: `[batch, registers * heads, tokens]`, the heads of one register being adjacent
    /// - embedding: `[batch, width]`
    public let values: [FeatureTap: Tensor]

    package init(
        layout: TokenLayout, configuration: VisionTransformer.Configuration,
        values: [FeatureTap: Tensor]
    ) {
        self.layout = layout
        self.configuration = configuration
        self.values = values
    }

    /// The grid of patches.
    public var grid: PatchGrid { layout.grid }

    /// The number of the network's attention heads.
    public var heads: Int { configuration.heads }

    /// The features at a tap for the whole batch; `values` lists the shapes.
    ///
    /// - Precondition: the tap was requested.
    public subscript(tap: FeatureTap) -> Tensor {
        guard let value = values[tap] else {
            fail(
                "Features: \(tap.facet.rawValue) of layer \(tap.layer) was not requested")
        }
        return value
    }

    /// The vectors of an image's patches, `[rows * columns, width]`. The elements are shared, not copied.
    ///
    /// - Precondition: the tap was requested and yields a vector per token; the image is in the batch.
    /// - Complexity: O(1).
    public func patches(at tap: FeatureTap, image: Int = 0) -> Tensor {
        tokens(at: tap, image: image).rows(layout.patches)
    }

    /// The vector of an image's class token, `[width]`. The elements are shared, not copied.
    ///
    /// - Precondition: as for `patches(at:image:)`.
    /// - Complexity: O(1).
    public func classToken(at tap: FeatureTap, image: Int = 0) -> Tensor {
        let tokens = tokens(at: tap, image: image)
        return tokens.rows(0..<1).reshaped(to: [tokens.shape[1]])
    }

    /// The attention weights of an image's class token to the patches, `[heads, rows * columns]`. Their sum is
    /// below 1, since other tokens receive attention too.
    ///
    /// - Precondition: the layer's class attention was requested; the image is in the batch.
    /// - Complexity: O(result).
    public func classAttention(inLayer layer: Int, image: Int = 0) -> Tensor {
        let rows = vectors(at: FeatureTap(layer: layer, facet: .classAttention), image: image)
        return rows.columns(layout.patches)
    }

    /// The attention weights of an image's registers to the patches, `[registers * heads, rows * columns]`.
    ///
    /// - Precondition: the layer's register attention was requested; the image is in the batch.
    /// - Complexity: O(result).
    public func registerAttention(inLayer layer: Int, image: Int = 0) -> Tensor {
        let rows = vectors(at: FeatureTap(layer: layer, facet: .registerAttention), image: image)
        return rows.columns(layout.patches)
    }

    private func tokens(at tap: FeatureTap, image: Int) -> Tensor {
        let tokens = vectors(at: tap, image: image)
        require(
            tap.facet.hasVectors && tokens.shape[0] == layout.count,
            "Features: \(tap.facet.rawValue) \(tokens.shape) has no vector for each token")
        return tokens
    }

    /// One image's matrix at a tap.
    private func vectors(at tap: FeatureTap, image: Int) -> Tensor {
        let value = self[tap]
        require(
            value.shape.rank == 3 && 0..<value.shape[0] ~= image,
            "Features: no image \(image) in \(tap.facet.rawValue) \(value.shape)")
        return value.rows(image..<image + 1)
            .reshaped(to: Shape(Array(value.shape.dimensions.dropFirst())))
    }
}
