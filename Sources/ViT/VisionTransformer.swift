import Platform
import Tensors

/// A vision transformer (Dosovitskiy et al. 2020) as in DINO (Caron et al. 2021; vision_transformer.py of
/// facebookresearch/dino), DINOv2 or DINOv3: a class token, optional registers, pre-norm blocks, a final norm.
///
/// Images may have any height and width from one patch up, and the stride may be any step from one pixel to the
/// patch size: a smaller stride gives a finer grid of features (Amir et al. 2021, section 3).
public struct VisionTransformer: Sendable {
    /// The network's architecture. Its depth follows ``blocks``; of the rest only the colour normalisation may be changed.
    public private(set) var configuration: Configuration
    /// The class token, `[1, width]`.
    public var classToken: Tensor
    /// Learnt positions; nil in a network with rotary ones.
    public var positionEncoding: PositionEncoding?
    /// The register tokens, `[registers, width]`; nil if there are none.
    public var registers: Tensor?
    /// The token that replaces masked patches, `[1, width]`; nil if there is none.
    public var maskToken: Tensor?
    /// Maps patches to tokens.
    public var patchEmbedding: PatchEmbedding
    /// The transformer blocks, first to last. Blocks may be removed or added.
    public var blocks: [Block] {
        didSet { configuration.depth = blocks.count }
    }
    /// The final norm.
    public var norm: LayerNorm
    /// Rotary positions; nil in a network with learnt ones.
    public var rotaryPositions: RotaryPositions?

    /// Creates a transformer from parameters with the names and shapes of the official files: `cls_token`,
    /// `pos_embed`, `patch_embed.proj.weight`, `blocks.0.norm1.weight` and so on.
    ///
    /// - Parameters:
    ///   - configuration: the architecture.
    ///   - source: supplies the parameters.
    /// - Throws: what the source throws.
    public init<Failure>(
        _ configuration: Configuration, from source: ParameterSource<Failure>
    ) throws(Failure) {
        let width = configuration.width
        func tokens(
            _ name: String, _ count: Int, _ deviation: Double
        ) throws(Failure) -> Tensor {
            try source.parameter(name, [1, count, width], .normal(deviation: deviation))
                .reshaped(to: [count, width])
        }
        self.configuration = configuration
        classToken = try tokens("cls_token", 1, 0.02)
        switch configuration.positions {
        case .learnt(let grid):
            positionEncoding = PositionEncoding(
                table: try tokens("pos_embed", 1 + grid.count, 0.02), grid: grid,
                resampling: .of(.official, configuration))
        case .rotary(let periods):
            rotaryPositions = RotaryPositions(periods: periods)
        }
        if configuration.registers > 0 {
            // Initialised as in dinov2.
            registers = try tokens("register_tokens", configuration.registers, 1e-6)
        }
        if configuration.hasMaskToken {
            maskToken = try source.parameter(Self.maskTokenName, [1, width], .constant(0))
        }
        patchEmbedding = try PatchEmbedding(configuration, from: source.under("patch_embed"))
        blocks = []
        for index in 0..<configuration.depth {
            let precision = source.precision.map {
                Block.precision($0, index: index, depth: configuration.depth)
            }
            var block = try Block(
                configuration, from: source.under("blocks.\(index)").preparing(for: precision))
            if let precision { block.prepare(for: precision) }
            blocks.append(block)
        }
        norm = try LayerNorm(
            from: source.under("norm"), width: width, epsilon: configuration.layerNormEpsilon)
    }

    /// Creates an untrained transformer, initialised as in vision_transformer.py: matrices, class token and
    /// position codes normal with standard deviation 0.02, truncated at ±2; biases 0; norms 1; the patch embedding
    /// uniform (see `PatchEmbedding`).
    ///
    /// The same generator gives bit-identical parameters.
    ///
    /// - Parameters:
    ///   - configuration: the architecture.
    ///   - generator: the source of random numbers.
    public init(
        untrained configuration: Configuration, using generator: inout some RandomNumberGenerator
    ) {
        self = untrained(using: &generator) { VisionTransformer(configuration, from: $0) }
    }

    /// Adds a mask token of zeros if the network has none, for training with masks.
    public mutating func addMaskToken() {
        guard maskToken == nil else { return }
        configuration.hasMaskToken = true
        maskToken = Tensor(repeating: 0, shape: [1, configuration.width])
    }

    static let maskTokenName = "mask_token"

    /// The colour normalisation of the network's input.
    public var normalization: Normalization {
        get { configuration.normalization }
        set { configuration.normalization = newValue }
    }
    /// The mean saliency above which something is foreground; nil for the descriptors' default.
    package var saliencyThreshold: Float? {
        get { configuration.saliencyThreshold }
        set { configuration.saliencyThreshold = newValue }
    }

    /// The token layout for an image of the given size; see `PatchEmbedding.grid(height:width:stride:)`.
    ///
    /// - Parameters:
    ///   - height: the image's height in pixels.
    ///   - width: the image's width in pixels.
    ///   - stride: the distance between patches; the patch size by default.
    public func layout(height: Int, width: Int, stride: PatchStride? = nil) -> TokenLayout {
        let stride = stride ?? PatchStride(configuration.patchSize)
        return TokenLayout(
            registers: configuration.registers,
            grid: patchEmbedding.grid(height: height, width: width, stride: stride))
    }

    /// Runs a batch through the network and extracts the requested features. The pass stops at the last of them:
    /// the keys of layer 9 require neither that layer's attention nor any later layer.
    ///
    /// Results do not depend on the rest of an image's batch, nor on the number of threads.
    ///
    /// - Parameters:
    ///   - images: `[batch, 3, height, width]`, normalised (see `Preprocessing`).
    ///   - taps: the features to extract.
    ///   - stride: the distance between patches; the patch size by default.
    ///   - mask: patches to replace by the mask token, which the network must have; none by default.
    ///   - stochasticDepth: the branches that each image passes through in training; all by default.
    /// - Returns: the features by tap.
    /// - Precondition: the layers exist, and an image holds at least one patch.
    /// - Complexity: O(depth x (tokens x width² + tokens² x width)) time; memory O(tokens x width).
    public func features(
        of images: Tensor, at taps: some Sequence<FeatureTap>, stride: PatchStride? = nil,
        mask: PatchMask? = nil, stochasticDepth: StochasticDepth? = nil
    ) -> Features {
        features(
            of: images, at: taps, stride: stride, mask: mask, stochasticDepth: stochasticDepth,
            beforeBlock: { _ in })
    }

    /// Extracts features and calls `beforeBlock` before each block, to report progress or to end the pass; otherwise as
    /// ``features(of:at:stride:mask:stochasticDepth:)``.
    ///
    /// - Parameters:
    ///   - images: `[batch, 3, height, width]`, normalised.
    ///   - taps: the features to extract.
    ///   - stride: the distance between patches; the patch size by default.
    ///   - mask: patches to replace by the mask token; none by default.
    ///   - stochasticDepth: the branches that each image passes through in training; all by default.
    ///   - beforeBlock: receives the completed fraction of the pass, from 0 to below 1. An error that it throws ends the pass.
    /// - Returns: the features by tap.
    /// - Throws: what `beforeBlock` throws.
    public func features<Failure>(
        of images: Tensor, at taps: some Sequence<FeatureTap>, stride: PatchStride? = nil,
        mask: PatchMask? = nil, stochasticDepth: StochasticDepth? = nil,
        beforeBlock: (_ fraction: Double) throws(Failure) -> Void
    ) throws(Failure) -> Features {
        let stride = stride ?? PatchStride(configuration.patchSize)
        let layout = layout(of: images, stride: stride)
        var values: [FeatureTap: Tensor] = [:]
        let wanted = Dictionary(grouping: taps) { tap in
            guard let layer = configuration.layer(tap.layer) else {
                fail("features: layer \(tap.layer) of a network with \(blocks.count) layers")
            }
            return layer
        }
        guard let last = wanted.keys.max() else {
            return Features(layout: layout, configuration: configuration, values: [:])
        }
        var x = tokens(of: images, layout.grid, stride, mask)
        let angles = rotaryPositions?.angles(on: layout.grid)
        for (index, block) in blocks[...last].enumerated() {
            try beforeBlock(Double(index) / Double(last + 1))
            let facets = Set(wanted[index, default: []].map(\.facet))
            func collect(_ facet: Facet, _ value: Tensor) {
                for tap in wanted[index, default: []] where tap.facet == facet {
                    values[tap] = value
                }
            }
            func collectAttention(_ joined: Tensor?) {
                block.attention.collect(
                    facets, of: x, registers: layout.registers, after: .norm(block.attentionNorm),
                    joined: joined,
                    rotatedBy: angles, collect)
            }
            let branches = stochasticDepth?.blocks[index]
            guard index < last || facets.contains(.token) || facets.contains(.normedToken) else {
                collectAttention(nil)
                if facets.contains(.embedding) {
                    collect(
                        .embedding,
                        norm(block.classTokens(x, rotatedBy: angles, branches: branches)))
                }
                break
            }
            // A branch may see only some of the images.
            if branches?.attention != nil { collectAttention(nil) }
            x = block(x, rotatedBy: angles, branches: branches) {
                if branches?.attention == nil { collectAttention($0) }
            }
            if facets.contains(.token) { collect(.token, x) }
            if facets.contains(.normedToken) { collect(.normedToken, norm(x)) }
            if facets.contains(.embedding) { collect(.embedding, norm(x.slices(at: 0))) }
        }
        return Features(layout: layout, configuration: configuration, values: values)
    }

    /// The tokens that enter the first block, for networks of your own around ``blocks`` (adapters, other heads): the class
    /// token, the registers and the patches, with their learnt positions.
    ///
    /// - Parameters:
    ///   - images: `[batch, 3, height, width]`, normalised.
    ///   - stride: the distance between patches; the patch size by default.
    /// - Returns: `[batch, tokens, width]`.
    /// - Complexity: O(tokens x width x patch size²) for each image.
    public func tokens(of images: Tensor, stride: PatchStride? = nil) -> Tensor {
        let stride = stride ?? PatchStride(configuration.patchSize)
        return tokens(of: images, layout(of: images, stride: stride).grid, stride, nil)
    }

    private func layout(of images: Tensor, stride: PatchStride) -> TokenLayout {
        require(
            images.shape.rank == 4 && images.shape[1] == patchEmbedding.channels,
            "VisionTransformer: images \(images.shape), not [batch, \(patchEmbedding.channels), h, w]"
        )
        return layout(height: images.shape[2], width: images.shape[3], stride: stride)
    }

    /// The tokens that enter the first block: `[batch, tokens, width]`.
    private func tokens(
        of images: Tensor, _ grid: PatchGrid, _ stride: PatchStride, _ mask: PatchMask?
    ) -> Tensor {
        let codes = positionEncoding?.codes(
            on: grid, isSquare: images.shape[2] == images.shape[3])
        var patches = patchEmbedding(images, grid: grid, stride: stride)
        if let mask {
            guard let maskToken else { fail("features: a mask for a network without a mask token") }
            patches = patches.replacingRows(
                mask.rows(images: images.shape[0], patches: grid.count), by: maskToken)
        }
        let leading = registers.map { Tensor.concatenated([classToken, $0]) } ?? classToken
        return Tensor.tokens(leading: leading, patches: patches, codes: codes)
    }
}

/// The parameters by their official names, in the order of PyTorch's `named_parameters()`.
extension VisionTransformer: Module {
    /// Visits the parameters that the network has.
    public mutating func forEachParameter(_ body: (String, inout Tensor) throws -> Void) rethrows {
        try body("cls_token", &classToken)
        if var encoding = positionEncoding {
            // Moved out, so that the elements have a single owner while `body` changes them.
            positionEncoding = nil
            defer { positionEncoding = encoding }
            try body("pos_embed", &encoding.table)
        }
        try Self.visit("register_tokens", &registers, body)
        try Self.visit(Self.maskTokenName, &maskToken, body)
        try patchEmbedding.forEachParameter(under: "patch_embed", body)
        for index in blocks.indices {
            try blocks[index].forEachParameter(under: "blocks.\(index)", body)
        }
        try norm.forEachParameter(under: "norm", body)
    }
}
