import Foundation
import Tensors
import ViT

extension DescriptorGrid {
    /// Descriptors made of the class token's attention to each patch: one channel per head and layer,
    /// ordered by layer.
    ///
    /// Each channel is the logarithm of the attention (up to a constant, the product of query and key),
    /// standardised to mean 0 and deviation 1 over the picture; all 0 if all patches have the same
    /// attention. Keys and tokens depend on colours, which differ between pictures; attention hardly does,
    /// and with log-binning it locates a patch within the object.
    ///
    /// - Parameters:
    ///   - features: the result of a forward pass.
    ///   - layers: the layers whose attention becomes channels.
    ///   - image: index of the image in the batch.
    ///   - geometry: where the patches lie in the photo.
    /// - Precondition: there is at least one layer and the features hold the class attention of each; the
    ///   image is in the batch; the geometry has the features' grid.
    /// - Complexity: O(patches * channels).
    public init(
        classAttention features: Features, layers: [Int], image: Int = 0, geometry: Geometry
    ) {
        let count = features.grid.count
        var channels: [[Float]] = []
        for layer in layers {
            features.classAttention(inLayer: layer, image: image).withUnsafeElements { attention in
                for start in stride(from: 0, to: attention.count, by: count) {
                    channels.append(standardizedLogarithms(attention[start..<start + count]))
                }
            }
        }
        let values = (0..<count).flatMap { cell in channels.map { $0[cell] } }
        self.init(
            values: Tensor(
                values, shape: [features.grid.rows, features.grid.columns, channels.count]),
            geometry: geometry)
    }
}

private func standardizedLogarithms(_ values: Slice<UnsafeBufferPointer<Float>>) -> [Float] {
    // Softmax may underflow to 0.
    let logarithms = values.map { log(Double(max($0, .leastNormalMagnitude))) }
    let mean = logarithms.reduce(0, +) / Double(logarithms.count)
    let variance =
        logarithms.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(logarithms.count)
    // The rounded mean of equal numbers may differ from them, so the variance is compared with an epsilon.
    return logarithms.map { variance > 1e-12 ? Float(($0 - mean) / variance.squareRoot()) : 0 }
}
