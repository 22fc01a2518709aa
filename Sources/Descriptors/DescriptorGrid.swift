import Platform
import Tensors
import ViT

/// The descriptors of one image: a grid with one vector per patch, and its position on the photo.
public struct DescriptorGrid: Sendable {
    /// `[rows, columns, channels]`. Channels of query, key and value are ordered as in
    /// dino-vit-features (extractor.py, `extract_descriptors`): `dimension * heads + head`.
    public let values: Tensor
    /// The class token's vector, `[channels]`, in the same order of channels.
    public let classToken: Tensor?
    /// The grid's position on the network's image and on the photo.
    public let geometry: Geometry

    /// Wraps descriptors that were computed elsewhere.
    ///
    /// - Parameters:
    ///   - values: `[rows, columns, channels]`.
    ///   - classToken: `[channels]`.
    ///   - geometry: the grid's position on the photo.
    /// - Precondition: no dimension of `values` is 0, its rows and columns are the geometry's grid, and
    ///   the class token, if any, has the same channels.
    public init(values: Tensor, classToken: Tensor? = nil, geometry: Geometry) {
        require(
            values.shape.rank == 3 && values.count > 0
                && geometry.grid == PatchGrid(rows: values.shape[0], columns: values.shape[1]),
            "DescriptorGrid: values \(values.shape) do not fill the grid "
                + "\(geometry.grid.rows)x\(geometry.grid.columns)")
        require(
            classToken.map { $0.shape == [values.shape[2]] } ?? true,
            "DescriptorGrid: class token \(classToken?.shape ?? []) with values \(values.shape)")
        self.values = values
        self.classToken = classToken
        self.geometry = geometry
    }

    /// Takes the descriptors of one image from the result of a forward pass.
    ///
    /// - Parameters:
    ///   - features: the result of a forward pass.
    ///   - tap: a facet of a layer; for the class token's attention see `init(classAttention:layers:)`.
    ///   - image: index of the image in the batch.
    ///   - geometry: the grid's position on the photo.
    /// - Precondition: the features hold the tap; the image is in the batch; the geometry has the
    ///   features' grid.
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

    /// The rows and columns of the grid.
    public var grid: PatchGrid { geometry.grid }
    /// The length of a descriptor.
    public var channels: Int { values.shape[2] }

    /// The descriptors as the rows of a matrix, `[rows * columns, channels]`. Complexity: O(1).
    public var matrix: Tensor { values.reshaped(to: [grid.count, channels]) }

    /// A place in a grid of descriptors.
    public struct Cell: Hashable, Sendable, Codable {
        /// The row, counted from 0 at the top.
        public var row: Int
        /// The column, counted from 0 on the left.
        public var column: Int

        /// The cell at a row and a column.
        public init(row: Int, column: Int) {
            self.row = row
            self.column = column
        }
    }

    /// The cell at an index in row-major order.
    public func cell(at index: Int) -> Cell {
        Cell(row: index / grid.columns, column: index % grid.columns)
    }

    /// Moves channel `head * headWidth + dimension` to `dimension * heads + head`.
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
