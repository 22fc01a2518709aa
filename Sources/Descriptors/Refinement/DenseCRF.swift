import Images
import Platform
import Tensors

/// A fully connected conditional random field over the pixels of a picture, which aligns labels with
/// its edges: Krähenbühl and Koltun, "Efficient Inference in Fully Connected CRFs with Gaussian Edge
/// Potentials" (2011).
///
/// Every pair of pixels with different labels costs
/// `gaussianWeight * k1 + bilateralWeight * k2` with `k1` a Gaussian of their distance, `k2` one of
/// their distance and the difference of their colours, each normalised symmetrically. Mean-field
/// inference starts from `softmax(-unaries)` and repeats
/// `Q = softmax(-unaries + gaussianWeight * K1 Q + bilateralWeight * K2 Q)`. Both filters are
/// permutohedral lattices.
///
/// The defaults are those of dino-vit-features, part_cosegmentation.py.
public struct DenseCRF: Sendable, Codable, Hashable {
    /// The number of mean-field updates.
    public var iterations = 10
    /// Standard deviation of the first kernel, in pixels.
    public var gaussianDeviation: Float = 3
    /// Weight of the first kernel.
    public var gaussianWeight: Float = 50
    /// Standard deviation of the second kernel in space, in pixels.
    public var bilateralDeviation: Float = 5
    /// Standard deviation of the second kernel in each of red, green and blue, in levels of 255.
    public var colourDeviation: Float = 13
    /// Weight of the second kernel.
    public var bilateralWeight: Float = 15

    /// Options with their defaults.
    public init() {}

    /// Computes each label's probability at each pixel.
    ///
    /// The result depends only on the arguments, not on the number of threads.
    ///
    /// - Parameters:
    ///   - unaries: finite negative log-probabilities `[labels, rows, columns]`; a constant added to all
    ///     labels of a pixel has no effect.
    ///   - image: the picture whose edges the labels follow.
    /// - Returns: `[labels, rows, columns]`; the labels of a pixel add up to 1.
    /// - Precondition: there is at least one label, rows and columns are the image's, and deviations are
    ///   above 0 and large enough that the image spans at most a few thousand of them.
    /// - Complexity: O(pixels * labels * iterations); about 300 bytes of memory per pixel, and 8 to 64
    ///   more per pixel and label.
    public func probabilities(unaries: Tensor, image: Image) -> Tensor {
        require(
            unaries.shape.rank == 3 && unaries.shape[0] > 0 && unaries.shape[1] == image.height
                && unaries.shape[2] == image.width,
            "DenseCRF: unaries \(unaries.shape) for \(image.width)x\(image.height) pixels")
        require(
            gaussianDeviation > 0 && bilateralDeviation > 0 && colourDeviation > 0,
            "DenseCRF: deviations \(gaussianDeviation), \(bilateralDeviation), \(colourDeviation)")
        guard unaries.shape[0] > 1 else { return Tensor(repeating: 1, shape: unaries.shape) }
        let kernels = [
            PermutohedralLattice(features: places(in: image, deviation: gaussianDeviation)),
            PermutohedralLattice(features: placesAndColours(in: image)),
        ]
        kernels[0].normalize(weight: gaussianWeight)
        kernels[1].normalize(weight: bilateralWeight)
        var field = MeanField(unaries: unaries, kernels: kernels)
        for _ in 0..<iterations { field.update() }
        return field.beliefs(shape: unaries.shape)
    }

    /// Computes each pixel's most probable label, row by row; the first wins a tie.
    ///
    /// - Parameters:
    ///   - unaries: as for `probabilities(unaries:image:)`, with at most 256 labels.
    ///   - image: the picture whose edges the labels follow.
    public func labels(unaries: Tensor, image: Image) -> [UInt8] {
        require(
            unaries.shape.rank == 3 && unaries.shape[0] <= 256,
            "DenseCRF.labels: unaries \(unaries.shape)")
        let labels = unaries.shape[0]
        let pixels = image.width * image.height
        return probabilities(unaries: unaries, image: image).withUnsafeElements { beliefs in
            (0..<pixels).map { pixel in
                var best = 0
                for label in 0..<labels
                where beliefs[label * pixels + pixel] > beliefs[best * pixels + pixel] {
                    best = label
                }
                return UInt8(best)
            }
        }
    }

    /// Columns and rows `[2, pixels]`, in standard deviations.
    private func places(in image: Image, deviation: Float) -> Tensor {
        Tensor(shape: [2, image.width * image.height]) { features in
            fillPlaces(features, image, deviation: deviation)
        }
    }

    /// Columns, rows, red, green and blue `[5, pixels]`, in standard deviations.
    private func placesAndColours(in image: Image) -> Tensor {
        let count = image.width * image.height
        return Tensor(shape: [5, count]) { features in
            fillPlaces(features, image, deviation: bilateralDeviation)
            image.pixels.withUnsafeBufferPointer { samples in
                for pixel in 0..<count {
                    for channel in 0..<3 {
                        features[(2 + channel) * count + pixel] =
                            Float(samples[3 * pixel + channel]) / colourDeviation
                    }
                }
            }
        }
    }

    private func fillPlaces(
        _ features: UnsafeMutableBufferPointer<Float>, _ image: Image, deviation: Float
    ) {
        let count = image.width * image.height
        for row in 0..<image.height {
            for column in 0..<image.width {
                features[row * image.width + column] = Float(column) / deviation
                features[count + row * image.width + column] = Float(row) / deviation
            }
        }
    }
}
