import Platform

/// The angles by which rotary position encoding rotates the patches of an image (Su et al. 2021): one per patch and
/// pair of dimensions of a head.
public struct RotaryAngles: Sendable {
    /// Cosine and sine of each angle, both `[patches, headWidth / 2]`.
    public let cosines, sines: Tensor

    /// Creates angles from their cosines and sines.
    ///
    /// - Precondition: both have the same shape, with two dimensions.
    public init(cosines: Tensor, sines: Tensor) {
        require(
            cosines.shape.rank == 2 && cosines.shape == sines.shape,
            "RotaryAngles: cosines \(cosines.shape), sines \(sines.shape)")
        self.cosines = cosines
        self.sines = sines
    }
}

extension Tensor {
    /// Rotates queries and keys by the positions of their patches (Su et al. 2021, "RoFormer", section 3.2.2, with
    /// dimensions paired as in `apply_rotary_pos_emb` of transformers' modeling_dinov3_vit.py).
    ///
    /// With h half the width of a head, its dimensions i and h + i form a pair: `y[i] = x[i] cos - x[h + i] sin`, `y[h
    /// + i] = x[h + i] cos + x[i] sin`, with the same angles for every head. The gradient is rotated back, so the
    /// pullback does not keep x. Memory without another owner is rotated in place: that of a tensor at its last use or
    /// after `consume`, and that of a gradient.
    ///
    /// This tensor is `[batch, tokens, n * width]`: n blocks, such as queries, keys and values, each with its heads
    /// side by side. The first tokens, which belong to no patch, are unchanged.
    ///
    /// - Parameters:
    ///   - angles: the angles of the last tokens of each image, its patches.
    ///   - heads: the number of heads in a block.
    ///   - width: the width of a block.
    ///   - blocks: the number of blocks to rotate, counted from the first; the others are unchanged.
    /// - Complexity: O(count).
    public consuming func rotated(
        by angles: RotaryAngles, heads: Int, width: Int, blocks: Int
    ) -> Tensor {
        let rotation = Rotation(
            angles, of: shape, vectors: blocks * heads, vectorWidth: width / heads)
        require(
            width % heads == 0 && shape[2] % width == 0 && blocks * width <= shape[2],
            "rotated: \(blocks) blocks of \(width) columns, \(heads) heads, in \(shape)")
        let trace = trace
        self.trace = nil
        rotation.turn(&self, by: 1)
        guard let trace else { return self }
        return trace.tape.record(self) { [index = trace.index] gradient, cotangents in
            rotation.turn(&gradient, by: -1)
            cotangents.add(gradient, to: index)
        }
    }
}

/// A rotation of the vectors in a tensor.
private struct Rotation {
    let angles: RotaryAngles
    /// Tokens per image and columns per token.
    let tokens, columns: Int
    /// The number of vectors to rotate in each token, starting at its first column, and half their width.
    let vectors, half: Int

    init(_ angles: RotaryAngles, of shape: Shape, vectors: Int, vectorWidth: Int) {
        let (patches, half) = (angles.cosines.shape[0], angles.cosines.shape[1])
        require(
            shape.rank == 3 && patches <= shape[1] && vectorWidth == 2 * half,
            "rotated: \(shape), heads of \(vectorWidth), by angles \(angles.cosines.shape)")
        self.angles = angles
        (tokens, columns) = (shape[1], shape[2])
        self.vectors = vectors
        self.half = half
    }

    /// - Parameter sign: 1, or -1 to turn back.
    func turn(_ tensor: inout Tensor, by sign: Float) {
        let (images, patches) = (tensor.shape[0], angles.cosines.shape[0])
        withUnsafePointers(writing: &tensor, reading: angles.cosines, angles.sines) {
            base, cosines, sines in
            inRowBlocks(of: images * patches) { _, rows in
                for row in rows {
                    let (image, patch) = row.quotientAndRemainder(dividingBy: patches)
                    let token = (image + 1) * tokens - patches + patch
                    let (cosines, sines) = (cosines + patch * half, sines + patch * half)
                    for vector in 0..<vectors {
                        let first = base + token * columns + vector * 2 * half
                        let second = first + half
                        for i in 0..<half {
                            let (a, b) = (first[i], second[i])
                            let (cosine, sine) = (cosines[i], sign * sines[i])
                            first[i] = a * cosine - b * sine
                            second[i] = b * cosine + a * sine
                        }
                    }
                }
            }
        }
    }
}
