import Platform
import Tensors

/// A vision transformer (Dosovitskiy et al. 2020) in DINO's form (Caron et al. 2021;
/// vision_transformer.py of facebookresearch/dino): a class token, learnt position codes, blocks with
/// the norms in front, a norm at the end.
///
/// Images have any height and width from one patch up, and patches any stride from one pixel to
/// their side: a smaller stride gives a finer grid of features (Amir et al. 2021, section 3).
public struct VisionTransformer: Sendable {
    public let configuration: Configuration
    public var patchEmbedding: PatchEmbedding
    /// The class token, `[1, width]`.
    public var classToken: Tensor
    public var positionEncoding: PositionEncoding
    public var blocks: [Block]
    public var norm: LayerNorm

    /// Creates a transformer from its tensors by their official names: `cls_token`, `pos_embed`,
    /// `patch_embed.proj.weight`, `blocks.0.norm1.weight` and so on.
    ///
    /// - Parameter tensor: gives the tensor of a name.
    public init(
        configuration: Configuration, positionResampling: PositionResampling = .scaleFactor,
        tensor: (String) throws -> Tensor
    ) rethrows {
        func linear(_ name: String) throws -> Linear {
            Linear(weight: try tensor(name + ".weight"), bias: try tensor(name + ".bias"))
        }
        func norm(_ name: String) throws -> LayerNorm {
            LayerNorm(
                weight: try tensor(name + ".weight"), bias: try tensor(name + ".bias"),
                epsilon: configuration.layerNormEpsilon)
        }
        let width = configuration.width
        self.configuration = configuration
        let kernel = try tensor("patch_embed.proj.weight")
        patchEmbedding = PatchEmbedding(
            patchSize: configuration.patchSize,
            projection: Linear(
                weight: kernel.reshaped(to: [width, kernel.count / width]),
                bias: try tensor("patch_embed.proj.bias")))
        classToken = try tensor("cls_token").reshaped(to: [1, width])
        positionEncoding = PositionEncoding(
            table: try tensor("pos_embed")
                .reshaped(to: [1 + configuration.positionGrid.count, width]),
            grid: configuration.positionGrid, resampling: positionResampling)
        blocks = try (0..<configuration.depth).map { index in
            let name = "blocks.\(index)"
            return Block(
                attentionNorm: try norm(name + ".norm1"),
                attention: Attention(
                    projection: try linear(name + ".attn.qkv"),
                    output: try linear(name + ".attn.proj"), heads: configuration.heads),
                perceptronNorm: try norm(name + ".norm2"),
                perceptron: Perceptron(
                    hidden: try linear(name + ".mlp.fc1"), output: try linear(name + ".mlp.fc2")))
        }
        self.norm = try norm("norm")
    }

    /// The patches of an image of this size. See `PatchEmbedding.grid`.
    public func grid(height: Int, width: Int, stride: PatchStride? = nil) -> PatchGrid {
        patchEmbedding.grid(
            height: height, width: width, stride: stride ?? PatchStride(configuration.patchSize))
    }

    /// The tokens that enter the first block: `[batch, 1 + rows * columns, width]`.
    func tokens(of images: Tensor, grid: PatchGrid, stride: PatchStride) -> Tensor {
        let codes = positionEncoding.codes(
            on: grid, isSquare: images.shape[2] == images.shape[3])
        let patches = patchEmbedding(images, grid: grid, stride: stride)
        return Tensor.tokens(classToken: classToken, patches: patches, codes: codes)
    }

    /// Runs a batch through the network and takes features where they are asked for. The pass ends
    /// at the last of them: keys of layer 9 need neither layer 9's attention nor what follows.
    ///
    /// Results do not depend on the batch that an image is part of, nor on the number of threads.
    ///
    /// - Parameters:
    ///   - images: `[batch, 3, height, width]`, normalised (see `Preprocessing`).
    ///   - taps: what is wanted.
    ///   - stride: the step from patch to patch; the patch size unless given.
    /// - Complexity: O(depth x (tokens x width² + tokens² x width)) time; memory O(tokens x width).
    public func features(
        of images: Tensor, at taps: some Sequence<FeatureTap>, stride: PatchStride? = nil
    ) -> Features {
        require(
            images.shape.rank == 4 && images.shape[1] == patchEmbedding.channels,
            "features: images \(images.shape), not [batch, \(patchEmbedding.channels), h, w]")
        let stride = stride ?? PatchStride(configuration.patchSize)
        let grid = grid(height: images.shape[2], width: images.shape[3], stride: stride)
        let wanted = Dictionary(grouping: taps, by: \.layer)
        guard let last = wanted.keys.max() else { return Features(grid: grid, values: [:]) }
        require(
            wanted.keys.allSatisfy { blocks.indices.contains($0) },
            "features: layers \(wanted.keys.sorted()) of a network with \(blocks.count)")

        var values: [FeatureTap: Tensor] = [:]
        var x = tokens(of: images, grid: grid, stride: stride)
        for (index, block) in blocks[...last].enumerated() {
            let facets = Set(wanted[index, default: []].map(\.facet))
            let output = block(x, facets: facets, isLast: index == last) { facet, value in
                values[FeatureTap(layer: index, facet: facet)] = value
            }
            guard let output else { break }
            x = output
        }
        return Features(grid: grid, values: values)
    }

    /// The network's own output: the class token after the last norm, `[batch, width]`, as
    /// `forward` of vision_transformer.py returns it.
    ///
    /// Of the last block only the class token's part is computed: the same number as `features` gives
    /// for it, but for rounding.
    ///
    /// - Parameter stochasticDepth: what each image passes through in training; everything unless
    ///   given.
    public func embeddings(of images: Tensor, stochasticDepth: StochasticDepth? = nil) -> Tensor {
        require(
            images.shape.rank == 4 && images.shape[1] == patchEmbedding.channels,
            "embeddings: images \(images.shape), not [batch, \(patchEmbedding.channels), h, w]")
        let grid = grid(height: images.shape[2], width: images.shape[3])
        var x = tokens(of: images, grid: grid, stride: PatchStride(configuration.patchSize))
        for (index, block) in blocks.enumerated() {
            let branches = stochasticDepth?.blocks[index]
            if index == blocks.count - 1 { return norm(block.classTokens(x, branches: branches)) }
            x = block(x, branches: branches)
        }
        return norm(x.slices(at: 0))
    }
}
