import Tensors

extension VisionTransformer.Configuration: Bounded {
    /// The ranges of valid values.
    package enum Bounds {
        /// Ten times the widest published network (ViT-22B: 6,144 channels): a matrix of a block takes
        /// 16 GB at the limit.
        package static let width = Bound("width", 1...1 << 16)
        /// Twenty times the deepest (ViT-22B: 48 blocks).
        package static let depth = Bound("depth", 1...1024)
        /// One head per channel.
        package static let heads = Bound("heads", 1...1 << 16)
        /// The side of the largest crop, which is then a single patch.
        package static let patchSize = Bound("patch size", 1...4096)
        /// Four times the limit of the width.
        package static let hiddenWidth = Bound("hidden width", 1...1 << 18)
        /// The largest crop in patches of one pixel, along one side.
        package static let positions = Bound("position grid", 1...4096)
        /// A hundred times that of the published networks.
        package static let registers = Bound("number of registers", 0...1024)
        /// Float32's own epsilon is 1.2e-7; a normalised channel has the variance 1.
        package static let layerNormEpsilon = Bound("layer norm epsilon", Float(1e-12)...1)
        /// DINOv3's periods lie between 1 and 100; below the limit float32 angles are meaningless.
        package static let period = Bound("period of rotary positions", Float(1e-3)...1e6)
        /// Saliency is scaled to this range.
        package static let saliencyThreshold = Bound("saliency threshold", Float(0)...1)
        /// Three times ViT-22B's: 275 GB of float32.
        package static let parameters = Bound("number of parameters", 1...1 << 36)
    }

    /// A message about the first of width, depth and heads that is out of bounds; nil if all are valid.
    package var faultOfSize: String? {
        firstFault(
            Bounds.width.fault(width), Bounds.depth.fault(depth), Bounds.heads.fault(heads))
    }

    /// A message about the first invalid property or combination of properties; nil if all are valid.
    public var fault: String? {
        let single = firstFault(
            faultOfSize, Bounds.patchSize.fault(patchSize), Bounds.hiddenWidth.fault(hiddenWidth),
            Bounds.layerNormEpsilon.fault(layerNormEpsilon), Bounds.registers.fault(registers),
            Bounds.saliencyThreshold.fault(saliencyThreshold))
        if let single { return single }
        guard width % heads == 0 else {
            return "a width of \(width) is not divisible by \(heads) heads"
        }
        return positions.fault(headWidth: headWidth) ?? normalization.fault
            ?? Bounds.parameters.fault(parameterCount)
    }

    /// The number of parameters.
    ///
    /// - Precondition: each value is within its bound, so that nothing overflows.
    package var parameterCount: Int { parameterShapes.reduce(0) { $0 + $1.shape.count } }
}

extension Normalization: Bounded {
    package static let means = Bound("mean of a channel", Float(-1000)...1000)
    package static let deviations = Bound("standard deviation of a channel", Float(1e-6)...1000)

    /// A message about the first invalid value; nil if all are valid.
    public var fault: String? {
        guard mean.count == 3, standardDeviation.count == 3 else {
            return "the normalization has \(mean.count) channels, not 3"
        }
        return mean.lazy.compactMap { Self.means.fault($0) }.first
            ?? standardDeviation.lazy.compactMap { Self.deviations.fault($0) }.first
    }
}

extension VisionTransformer.Configuration.Positions {
    fileprivate func fault(headWidth: Int) -> String? {
        typealias Bounds = VisionTransformer.Configuration.Bounds
        switch self {
        case .learnt(let grid):
            return Bounds.positions.fault(grid.rows) ?? Bounds.positions.fault(grid.columns)
        case .rotary(let periods):
            guard headWidth == 4 * periods.count else {
                return "\(periods.count) rotary periods do not fit heads of \(headWidth) channels"
            }
            return periods.lazy.compactMap { Bounds.period.fault($0) }.first
        }
    }
}

extension FeatureTap {
    /// Layer indices of the deepest network, negative ones counting from the end.
    package static let layers: Bound<Int> = {
        let most = VisionTransformer.Configuration.Bounds.depth.range.upperBound
        return Bound("layer", -most...most - 1)
    }()
}

extension PatchStride: Bounded {
    /// A step is at most the largest patch size.
    package static let steps = Bound(
        "stride", VisionTransformer.Configuration.Bounds.patchSize.range)

    /// A message about the first step that is out of bounds; nil if both are valid.
    public var fault: String? { Self.steps.fault(vertical) ?? Self.steps.fault(horizontal) }
}
