import Tensors

extension VisionTransformer.Configuration: Bounded {
    package enum Bounds {
        /// Ten times the widest published network (ViT-22B: 6,144 channels): a matrix of a block takes
        /// 16 GB at the limit.
        package static let width = Bound("width", 1...1 << 16)
        /// Twenty times the deepest (ViT-22B: 48 blocks).
        package static let depth = Bound("depth", 1...1024)
        /// One a channel.
        package static let heads = Bound("heads", 1...1 << 16)
        /// The largest crop, which is then a single patch.
        package static let patchSize = Bound("patch size", 1...4096)
        /// Four times the widest.
        package static let hiddenWidth = Bound("hidden width", 1...1 << 18)
        /// Patches of one pixel in the largest crop, one way.
        package static let positions = Bound("position grid", 1...4096)
        /// Float32's own epsilon is 1.2e-7; a normalised channel has the variance 1.
        package static let layerNormEpsilon = Bound("layer norm epsilon", Float(1e-12)...1)
        /// Three times ViT-22B's: 275 GB of float32.
        package static let parameters = Bound("number of parameters", 1...1 << 36)
    }

    public var fault: String? {
        let single = firstFault(
            Bounds.width.fault(width), Bounds.depth.fault(depth), Bounds.heads.fault(heads),
            Bounds.patchSize.fault(patchSize), Bounds.hiddenWidth.fault(hiddenWidth),
            Bounds.positions.fault(positionGrid.rows),
            Bounds.positions.fault(positionGrid.columns),
            Bounds.layerNormEpsilon.fault(layerNormEpsilon))
        if let single { return single }
        guard width % heads == 0 else {
            return "a width of \(width) is not divided by \(heads) heads"
        }
        return Bounds.parameters.fault(parameterCount)
    }

    /// The number of parameters.
    ///
    /// - Precondition: each value is within its bound, so that nothing overflows.
    package var parameterCount: Int { weightShapes.reduce(0) { $0 + $1.shape.count } }
}

extension VisionTransformer.Architecture: Bounded {
    public var fault: String? {
        typealias Bounds = VisionTransformer.Configuration.Bounds
        return firstFault(
            Bounds.width.fault(width), Bounds.depth.fault(depth), Bounds.heads.fault(heads))
    }
}

extension FeatureTap {
    /// The layers of the deepest network.
    package static let layers = Bound(
        "layer", 0...VisionTransformer.Configuration.Bounds.depth.range.upperBound - 1)
}

extension PatchStride: Bounded {
    /// No step is longer than a patch.
    package static let steps = Bound(
        "stride", VisionTransformer.Configuration.Bounds.patchSize.range)

    public var fault: String? { Self.steps.fault(vertical) ?? Self.steps.fault(horizontal) }
}
