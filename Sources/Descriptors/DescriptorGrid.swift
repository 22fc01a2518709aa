import Platform
import Tensors
import ViT

/// The descriptors of one image: a vector for each patch of a grid that knows where in the photo
/// its cells lie.
public struct DescriptorGrid: Sendable {
    /// `[rows, columns, channels]`. Channels of query, key and value stand as in dino-vit-features
    /// (extractor.py, `extract_descriptors`): `dimension * heads + head`.
    public let values: Tensor
    /// The class token's vector, `[channels]`, in the same order of channels.
    public let classToken: Tensor?
    public let geometry: Geometry

    /// Wraps descriptors that were computed elsewhere.
    ///
    /// - Precondition: `values` is `[rows, columns, channels]` with at least one of each, fits the
    ///   geometry's grid, and the class token, if any, is `[channels]`.
    public init(values: Tensor, classToken: Tensor? = nil, geometry: Geometry) {
        require(
            values.shape.rank == 3 && values.count > 0
                && geometry.grid == PatchGrid(rows: values.shape[0], columns: values.shape[1]),
            "DescriptorGrid: values \(values.shape) do not fill the grid "
                + "\(geometry.grid.rows)x\(geometry.grid.columns)")
        require(
            classToken.map { $0.shape == [values.shape[2]] } ?? true,
            "DescriptorGrid: class token \(classToken?.shape ?? []) beside values \(values.shape)")
        self.values = values
        self.classToken = classToken
        self.geometry = geometry
    }

    /// Takes the descriptors of one image out of a forward pass.
    ///
    /// - Parameters:
    ///   - tap: a facet of a layer; for the class token's attention see `init(classAttention:layers:)`.
    ///   - image: which image of the batch.
    /// - Precondition: the tap was asked for; the image is in the batch; the geometry's grid is the
    ///   features'.
    /// - Complexity: O(patches * channels).
    public init(_ features: Features, tap: FeatureTap, image: Int = 0, geometry: Geometry) {
        if tap.facet == .classAttention {
            self.init(
                classAttention: features, layers: [tap.layer], image: image, geometry: geometry)
            return
        }
        var patches = features.patches(at: tap, image: image)
        var token = features.classToken(at: tap, image: image)
        let isOfHeads = [.query, .key, .value].contains(tap.facet)
        if isOfHeads && features.heads > 1 {
            patches = DescriptorGrid.headsInnermost(patches, heads: features.heads)
            token = DescriptorGrid.headsInnermost(token, heads: features.heads)
        }
        self.init(
            values: patches.reshaped(
                to: [features.grid.rows, features.grid.columns, patches.shape[1]]),
            classToken: token, geometry: geometry)
    }

    public var grid: PatchGrid { geometry.grid }
    public var channels: Int { values.shape[2] }

    /// The descriptors as the rows of a matrix, `[rows * columns, channels]`. Complexity: O(1).
    public var matrix: Tensor { values.reshaped(to: [grid.count, channels]) }

    /// A place in a grid of descriptors.
    public struct Cell: Hashable, Sendable, Codable {
        public var row: Int
        public var column: Int

        public init(row: Int, column: Int) {
            self.row = row
            self.column = column
        }
    }

    /// The cell with an index in row-major order.
    public func cell(at index: Int) -> Cell {
        Cell(row: index / grid.columns, column: index % grid.columns)
    }

    /// Channel `head * headWidth + dimension` becomes `dimension * heads + head`.
    private static func headsInnermost(_ tokens: Tensor, heads: Int) -> Tensor {
        let width = tokens.shape[-1]
        let headWidth = width / heads
        return tokens.withUnsafeElements { source in
            Tensor(shape: tokens.shape) { target in
                for start in stride(from: 0, to: source.count, by: width) {
                    for head in 0..<heads {
                        let from = start + head * headWidth
                        for dimension in 0..<headWidth {
                            target[start + dimension * heads + head] = source[from + dimension]
                        }
                    }
                }
            }
        }
    }
}
