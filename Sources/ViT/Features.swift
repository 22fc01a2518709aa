import Platform
import Tensors

/// What of a layer is read: one of the three projections of its attention, its output tokens, or
/// the attention that its class token pays to every token.
public enum Facet: String, Hashable, Sendable, Codable, CaseIterable {
    case query, key, value, token
    case classAttention
}

/// A place in the network from which features are taken.
public struct FeatureTap: Hashable, Sendable, Codable {
    /// The block, counted from 0.
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

/// What one forward pass gave at the taps that were asked for.
public struct Features: Sendable {
    /// The patches of each image of the batch; tokens are the class token and then the patches
    /// row by row.
    public let grid: PatchGrid
    /// By tap: `[batch, 1 + rows * columns, width]` for query, key and value (channel
    /// `head * headWidth + dimension`) and token; `[batch, heads, 1 + rows * columns]` for
    /// classAttention.
    public let values: [FeatureTap: Tensor]

    package init(grid: PatchGrid, values: [FeatureTap: Tensor]) {
        self.grid = grid
        self.values = values
    }

    /// What the pass gave at a tap.
    ///
    /// - Precondition: the tap was asked for.
    public subscript(tap: FeatureTap) -> Tensor {
        guard let value = values[tap] else {
            fail(
                "Features: \(tap.facet.rawValue) of layer \(tap.layer) was not asked for")
        }
        return value
    }
}
