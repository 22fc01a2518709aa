import Tensors

// A network for inference: see Docs/Precision.md.

extension VisionTransformer {
    /// The network prepared for inference: its linear maps keep their weights only in the form in which they are
    /// multiplied, which takes half the memory of a network that caches that form in addition; with integers, a
    /// quarter or an eighth.
    ///
    /// The maps of the blocks are quantised (`Linear/prepare(for:)`); the patch embedding, norms, activations,
    /// attention and the residual sums stay float32. A prepared network can be written, changed and trained
    /// like any other, from its rounded weights; a layer whose weights are changed is no longer prepared.
    ///
    /// - Parameter precision: the precision of the blocks' linear maps. Maps that consist of integers already are not
    ///   changed.
    /// - Complexity: O(parameters).
    public consuming func prepared(for precision: Precision) -> VisionTransformer {
        var network = self
        network.patchEmbedding.projection.prepare(for: .float32)
        for index in network.blocks.indices {
            network.blocks[index].prepare(
                for: Block.precision(precision, index: index, depth: network.blocks.count))
        }
        return network
    }

    /// Undoes ``prepared(for:)``, except for the rounding. Training starts from this, since a checkpoint stores weights alone.
    package mutating func restoreWeights() {
        patchEmbedding.projection.restoreWeights()
        for index in blocks.indices { blocks[index].restoreWeights() }
    }

    /// The precision of the blocks' linear maps: the lowest one, if they differ.
    public var precision: Precision {
        let bits = blocks.flatMap { $0.linearMaps.compactMap(\.layer.quantized?.bits) }.min()
        return Precision.allCases.first { $0.integerBits == bits } ?? .float32
    }
}

extension Block {
    /// The linear maps by official name.
    var linearMaps: [(name: String, layer: Linear)] {
        let names = feedForward.kind.names
        return [
            ("attn.qkv", attention.projection), ("attn.proj", attention.output),
            ("mlp.\(names.hidden)", feedForward.hidden),
            ("mlp.\(names.output)", feedForward.output),
        ]
    }

    /// The precision of a block in a network of a precision. The first blocks keep 16 bits where the others have 8: their
    /// rounding errors pass through all other blocks, and their inputs, patches with positions, have the largest outliers.
    /// A shallow network has fewer of them, so that most of it is small.
    static func precision(_ wanted: Precision, index: Int, depth: Int) -> Precision {
        wanted == .int8 && index < min(2, depth / 4) ? .int16 : wanted
    }

    mutating func prepare(for precision: Precision) {
        if precision == .int8 {
            attentionNorm.smooth(into: &attention.projection)
            feedForwardNorm.smooth(into: &feedForward.hidden)
        }
        attention.projection.prepare(for: precision)
        attention.output.prepare(for: precision)
        feedForward.hidden.prepare(for: precision)
        feedForward.output.prepare(for: precision)
    }

    mutating func restoreWeights() {
        attention.projection.restoreWeights()
        attention.output.restoreWeights()
        feedForward.hidden.restoreWeights()
        feedForward.output.restoreWeights()
    }
}

extension LayerNorm {
    /// Moves part of each channel's magnitude from the norm's output, where it would take bits from the other channels of
    /// a row, into the weights that follow, which have scales of their own (SmoothQuant; Xiao et al. 2023, with the
    /// exponent 1/2): the norm is divided by `s`, the weights' columns are multiplied by it, with `s` the root of the
    /// quotient of their magnitudes. The product stays the same.
    ///
    /// Normalised channels have similar spreads, so their magnitudes are estimated from the norm's parameters, which
    /// needs no pictures: three deviations about the offset.
    fileprivate mutating func smooth(into layer: inout Linear) {
        guard layer.quantized == nil else { return }
        let (width, outputs) = (layer.inputs, layer.outputs)
        var columns = [Float](repeating: 0, count: width)
        layer.weight.withUnsafeMutableElements { weights in
            for row in 0..<outputs {
                for column in 0..<width {
                    columns[column] = max(columns[column], weights[row * width + column].magnitude)
                }
            }
            let scales = (0..<width).map { column in
                let input = 3 * weight[column].magnitude + bias[column].magnitude
                guard input > 0, columns[column] > 0 else { return Float(1) }
                let scale = (input / columns[column]).squareRoot()
                return scale.isNormal ? scale : 1
            }
            weight.withUnsafeMutableElements { for i in 0..<width { $0[i] /= scales[i] } }
            bias.withUnsafeMutableElements { for i in 0..<width { $0[i] /= scales[i] } }
            for row in 0..<outputs {
                for column in 0..<width { weights[row * width + column] *= scales[column] }
            }
        }
    }
}
