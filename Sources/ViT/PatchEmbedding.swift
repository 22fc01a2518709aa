import Platform
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
        require(
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
        require(
            height >= patchSize && width >= patchSize,
            "PatchEmbedding: no patch of \(patchSize) fits an image of \(width)x\(height)")
        require(
            1...patchSize ~= stride.vertical && 1...patchSize ~= stride.horizontal,
            "PatchEmbedding: stride \(stride) outside 1...\(patchSize)")
        return PatchGrid(
            rows: 1 + (height - patchSize) / stride.vertical,
            columns: 1 + (width - patchSize) / stride.horizontal)
    }

    /// The tokens of a batch's patches: `[batch, rows * columns, width]`.
    ///
    /// - Parameter images: `[batch, channels, height, width]`.
    func callAsFunction(_ images: Tensor, grid: PatchGrid, stride: PatchStride) -> Tensor {
        projection(patches(of: images, grid: grid, stride: stride))
    }

    /// The patches as rows: `[batch, rows * columns, channels * patchSize * patchSize]`.
    private func patches(of images: Tensor, grid: PatchGrid, stride: PatchStride) -> Tensor {
        let batch = images.shape[0]
        let height = images.shape[2]
        let width = images.shape[3]
        let length = channels * patchSize * patchSize
        let result = Tensor(uninitialized: [batch, grid.count, length])
        withExtendedLifetime((images, result)) {
            Parallelism.perform(count: batch * grid.rows) { line in
                let (index, row) = line.quotientAndRemainder(dividingBy: grid.rows)
                let image = images.base + index * channels * height * width
                var target = result.mutableBase + line * grid.columns * length
                for column in 0..<grid.columns {
                    for channel in 0..<channels {
                        var source =
                            image
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
