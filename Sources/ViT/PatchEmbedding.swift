import Tensors

/// Cuts an image into square patches, overlapping where the stride is below their side, and maps
/// each to a token (Dosovitskiy et al. 2020, section 3.1; `PatchEmbed` of vision_transformer.py).
public struct PatchEmbedding: Sendable {
    /// Side of a patch in pixels.
    public let patchSize: Int
    /// The map from a patch's `channels * patchSize * patchSize` values, channel by channel and row
    /// by row, to a token.
    public var projection: Linear

    public init(patchSize: Int, projection: Linear) {
        precondition(
            projection.weight.shape[1] % (patchSize * patchSize) == 0,
            "PatchEmbedding: weight \(projection.weight.shape) for patches of \(patchSize)")
        self.patchSize = patchSize
        self.projection = projection
    }

    /// Colour channels of the image.
    public var channels: Int { projection.weight.shape[1] / (patchSize * patchSize) }

    /// How many patches fit an image. What is left over at the right and at the bottom is not seen.
    ///
    /// - Precondition: the image holds at least one patch.
    public func grid(height: Int, width: Int, stride: PatchStride) -> PatchGrid {
        precondition(
            height >= patchSize && width >= patchSize,
            "PatchEmbedding: no patch of \(patchSize) fits an image of \(width)x\(height)")
        precondition(
            1...patchSize ~= stride.vertical && 1...patchSize ~= stride.horizontal,
            "PatchEmbedding: stride \(stride) outside 1...\(patchSize)")
        return PatchGrid(
            rows: 1 + (height - patchSize) / stride.vertical,
            columns: 1 + (width - patchSize) / stride.horizontal)
    }

    /// The patches of one image as rows: `[rows * columns, channels * patchSize * patchSize]`.
    ///
    /// - Parameter image: `[channels, height, width]`.
    func patches(of image: Tensor, grid: PatchGrid, stride: PatchStride) -> Tensor {
        let height = image.shape[1]
        let width = image.shape[2]
        let length = channels * patchSize * patchSize
        let result = Tensor(uninitialized: [grid.count, length])
        withExtendedLifetime((image, result)) {
            Parallelism.perform(count: grid.rows) { row in
                var target = result.mutableBase + row * grid.columns * length
                for column in 0..<grid.columns {
                    for channel in 0..<channels {
                        var source =
                            image.base
                            + (channel * height + row * stride.vertical) * width
                            + column * stride.horizontal
                        for _ in 0..<patchSize {
                            target.update(from: source, count: patchSize)
                            target += patchSize
                            source += width
                        }
                    }
                }
            }
        }
        return result
    }
}
