import Platform
import Tensors

/// Cuts an image into square patches, which overlap if the stride is below their side, and maps each to a token
/// (Dosovitskiy et al. 2020, section 3.1; `PatchEmbed` of vision_transformer.py).
public struct PatchEmbedding: Sendable {
    /// The side of a patch in pixels.
    public let patchSize: Int
    /// Maps a patch's `channels * patchSize * patchSize` values, channel by channel and row by row, to a token.
    public var projection: Linear

    /// Creates the layer for RGB images from the parameters `proj.weight` and `proj.bias`. Their initial values are
    /// uniform within ±1 / sqrt(3 * patchSize²), as in PyTorch's `Conv2d`.
    ///
    /// - Parameters:
    ///   - configuration: the network's architecture.
    ///   - source: supplies the parameters.
    /// - Throws: what the source throws.
    public init<Failure>(
        _ configuration: VisionTransformer.Configuration, from source: ParameterSource<Failure>
    ) throws(Failure) {
        let (side, width) = (configuration.patchSize, configuration.width)
        let initial = InitialValues.uniform(bound: 1 / Double(3 * side * side).squareRoot())
        patchSize = side
        projection = Linear(
            weight: try source.parameter("proj.weight", [width, 3, side, side], initial)
                .reshaped(to: [width, 3 * side * side]),
            bias: try source.parameter("proj.bias", [width], initial))
    }

    /// The colour channels of the images.
    public var channels: Int { projection.weight.shape[1] / (patchSize * patchSize) }

    /// The grid of patches that fit an image. Pixels past the last whole patch, at the right and the bottom, are
    /// ignored.
    ///
    /// - Parameters:
    ///   - height: the image's height in pixels.
    ///   - width: the image's width in pixels.
    ///   - stride: the distance between patches.
    /// - Precondition: the image holds at least one patch, and the steps lie between 1 and the patch size.
    public func grid(height: Int, width: Int, stride: PatchStride) -> PatchGrid {
        require(
            height >= patchSize && width >= patchSize,
            "PatchEmbedding: no patch of \(patchSize) fits an image of \(width)x\(height)")
        require(
            1...patchSize ~= stride.vertical && 1...patchSize ~= stride.horizontal,
            "PatchEmbedding: stride \(stride) outside 1...\(patchSize)")
        return PatchGrid(width: width, height: height, patchSize: patchSize, stride: stride)
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
        var result = Tensor(uninitialized: [batch, grid.count, length])
        withUnsafePointers(writing: &result, reading: images) { result, images in
            Parallelism.perform(count: batch * grid.rows) { line in
                let (index, row) = line.quotientAndRemainder(dividingBy: grid.rows)
                let image = images + index * channels * height * width
                var target = result + line * grid.columns * length
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

extension PatchEmbedding: Module {
    /// Visits the projection's weight and bias.
    public mutating func forEachParameter(_ body: (String, inout Tensor) throws -> Void) rethrows {
        try projection.forEachParameter(under: "proj", body)
    }
}
