import Platform
import Tensors

/// A network whose features are put to use, whatever it computes with.
public protocol Backbone: Sendable {
    var configuration: VisionTransformer.Configuration { get }

    /// What tells the network from others: what was fitted to its features goes with no other.
    var fingerprint: String { get }

    /// Runs a batch through the network; see `VisionTransformer.features`.
    func features(of images: Tensor, at taps: [FeatureTap], stride: PatchStride?) -> Features
}

extension Backbone {
    /// The network's own output: the class token after the last norm, `[batch, width]`, as `forward` of
    /// vision_transformer.py returns it.
    public func embeddings(of images: Tensor) -> Tensor {
        let tap = FeatureTap(layer: -1, facet: .embedding)
        return features(of: images, at: [tap], stride: nil)[tap]
    }
}

extension VisionTransformer: Backbone {
    /// A hash of some elements of each parameter that has a part in features, and of how positions are
    /// resampled. Complexity: O(number of parameters of different names).
    public var fingerprint: String {
        var hash = FNV1a()
        func add(_ bits: UInt64) { withUnsafeBytes(of: bits.littleEndian) { hash.add($0) } }
        for (name, tensor) in parameters where name != Self.maskTokenName {
            hash.add(name.utf8)
            add(UInt64(tensor.count))
            let step = max(1, tensor.count / 64)
            tensor.withUnsafeElements { elements in
                for i in stride(from: 0, to: elements.count, by: step) {
                    add(UInt64(elements[i].bitPattern))
                }
            }
        }
        hash.add("\(configuration.heads) \(configuration.layerNormEpsilon)".utf8)
        hash.add((positionEncoding?.resampling.rawValue ?? "").utf8)
        for period in rotaryPositions?.periods ?? [] { add(UInt64(period.bitPattern)) }
        return String(hash.value, radix: 16)
    }

    public func features(
        of images: Tensor, at taps: [FeatureTap], stride: PatchStride?
    ) -> Features {
        features(of: images, at: taps, stride: stride, stochasticDepth: nil)
    }
}
