import Foundation
import Platform
import Tensors
import ViT

extension DescriptorGrid {
    /// How much the class token attends to each patch, as descriptors: a channel for each head of each
    /// layer, layer by layer.
    ///
    /// A channel is the logarithm of the attention, which is a query's product with a key but for a
    /// constant, with mean 0 and deviation 1 over the picture; all 0 where all patches have the same.
    /// Keys and tokens follow colours, which each picture has for itself; attention hardly does, and
    /// log-binned it tells where in the object a patch lies.
    ///
    /// - Parameters:
    ///   - image: which image of the batch.
    /// - Precondition: the features hold the class attention of the layers, of which there is one; the
    ///   image is in the batch; the geometry's grid is the features'.
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
    // Softmax may round to 0.
    let logarithms = values.map { log(Double(max($0, .leastNormalMagnitude))) }
    let mean = logarithms.reduce(0, +) / Double(logarithms.count)
    let variance =
        logarithms.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(logarithms.count)
    // Equal numbers differ from their rounded mean.
    return logarithms.map { variance > 1e-12 ? Float(($0 - mean) / variance.squareRoot()) : 0 }
}
