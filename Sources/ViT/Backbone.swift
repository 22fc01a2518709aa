import Platform
import Tensors

/// A network that features can be extracted from.
public protocol Backbone: Sendable {
    /// The network's architecture.
    var configuration: VisionTransformer.Configuration { get }

    /// Identifies the network's weights: what was fitted to its features is valid for no other network.
    var fingerprint: String { get }

    /// Runs a batch through the network and extracts features.
    ///
    /// - Parameters:
    ///   - images: `[batch, 3, height, width]`, normalised.
    ///   - taps: the features to extract.
    ///   - stride: the distance between patches; nil: the patch size.
    /// - Returns: the features at the taps; see `VisionTransformer.features`.
    func features(of images: Tensor, at taps: [FeatureTap], stride: PatchStride?) -> Features

    /// Extracts features as above and calls `beforeBlock` before each block, to report progress or to end the pass. By
    /// default it is called once, before the pass.
    ///
    /// - Parameters:
    ///   - images: `[batch, 3, height, width]`, normalised.
    ///   - taps: the features to extract.
    ///   - stride: the distance between patches; nil: the patch size.
    ///   - beforeBlock: receives the completed fraction of the pass, from 0 to below 1. An error that it throws ends the pass.
    /// - Returns: the features at the taps.
    /// - Throws: what `beforeBlock` throws.
    func features<Failure>(
        of images: Tensor, at taps: [FeatureTap], stride: PatchStride?,
        beforeBlock: (_ fraction: Double) throws(Failure) -> Void
    ) throws(Failure) -> Features
}

extension Backbone {
    /// Calls `beforeBlock` once, then extracts the features.
    public func features<Failure>(
        of images: Tensor, at taps: [FeatureTap], stride: PatchStride?,
        beforeBlock: (_ fraction: Double) throws(Failure) -> Void
    ) throws(Failure) -> Features {
        try beforeBlock(0)
        return features(of: images, at: taps, stride: stride)
    }

    /// The network's own output: the class token after the last norm, as `forward` of vision_transformer.py returns
    /// it.
    ///
    /// - Parameter images: `[batch, 3, height, width]`, normalised.
    /// - Returns: `[batch, width]`.
    public func embeddings(of images: Tensor) -> Tensor {
        let tap = FeatureTap(layer: -1, facet: .embedding)
        return features(of: images, at: [tap], stride: nil)[tap]
    }
}

extension VisionTransformer: Backbone {
    /// A hash of up to 127 elements of each parameter that affects features, of the way that positions are resampled and
    /// of a precision other than float32.
    ///
    /// - Complexity: O(number of parameter tensors); O(parameters) if the network is prepared for inference, whose weights
    ///   have to be restored.
    public var fingerprint: String {
        var hash = FNV1a()
        func add(_ bits: UInt64) { withUnsafeBytes(of: bits.littleEndian) { hash.add($0) } }
        var copy = self
        copy.forEachParameter { name, tensor in
            guard name != Self.maskTokenName else { return }
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
        if precision != .float32 { hash.add(precision.rawValue.utf8) }
        for period in rotaryPositions?.periods ?? [] { add(UInt64(period.bitPattern)) }
        if normalization != .imageNet {
            for value in normalization.mean + normalization.standardDeviation {
                add(UInt64(value.bitPattern))
            }
        }
        return String(hash.value, radix: 16)
    }

    /// Extracts features, without masks or stochastic depth.
    public func features(
        of images: Tensor, at taps: [FeatureTap], stride: PatchStride?
    ) -> Features {
        features(of: images, at: taps, stride: stride, stochasticDepth: nil)
    }

    /// Extracts features, without masks or stochastic depth, and calls `beforeBlock` before each block.
    public func features<Failure>(
        of images: Tensor, at taps: [FeatureTap], stride: PatchStride?,
        beforeBlock: (_ fraction: Double) throws(Failure) -> Void
    ) throws(Failure) -> Features {
        try features(
            of: images, at: taps, stride: stride, stochasticDepth: nil, beforeBlock: beforeBlock)
    }
}
