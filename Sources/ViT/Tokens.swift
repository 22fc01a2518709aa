import Tensors

extension Tensor {
    /// The tokens of a batch: before each image's patches the class token, to each its position code.
    ///
    /// Its gradient goes to the patches as it stands; class token and codes get its sum over the
    /// batch.
    ///
    /// - Parameters:
    ///   - classToken: `[1, width]`.
    ///   - patches: `[batch, patches, width]`.
    ///   - codes: `[1 + patches, width]`.
    /// - Returns: `[batch, 1 + patches, width]`.
    static func tokens(classToken: Tensor, patches: Tensor, codes: Tensor) -> Tensor {
        let batch = patches.shape[0]
        let count = patches.shape[1]
        let width = patches.shape[2]
        precondition(
            classToken.count == width && codes.shape == [1 + count, width],
            "tokens: class token \(classToken.shape), patches \(patches.shape), codes \(codes.shape)")
        let result = Tensor(uninitialized: [batch, 1 + count, width])
        withExtendedLifetime((classToken, patches, codes, result)) {
            Parallelism.perform(count: batch) { image in
                let target = result.mutableBase + image * (1 + count) * width
                let source = patches.base + image * count * width
                let (first, codes) = (classToken.base, codes.base)
                for i in 0..<width { target[i] = first[i] + codes[i] }
                for i in 0..<count * width { target[width + i] = source[i] + codes[width + i] }
            }
        }
        guard let tape = Tape.of(classToken, patches, codes) else { return result }
        return tape.record(result) {
            [
                patchesShape = patches.shape, codesShape = codes.shape,
                indices = (
                    classToken: classToken.trace?.index, patches: patches.trace?.index,
                    codes: codes.trace?.index
                )
            ] gradient, cotangents in
            withExtendedLifetime(gradient) {
                let source = gradient.base
                cotangents.update(indices.patches, shape: patchesShape) { target, isSum in
                    Parallelism.perform(count: batch) { image in
                        let from = source + (image * (1 + count) + 1) * width
                        let to = target + image * count * width
                        for i in 0..<count * width { to[i] = from[i] + (isSum ? to[i] : 0) }
                    }
                }
                func sum(of tokens: Int, into target: UnsafeMutablePointer<Float>, _ isSum: Bool) {
                    if !isSum { target.update(repeating: 0, count: tokens * width) }
                    for image in 0..<batch {
                        let from = source + image * (1 + count) * width
                        for i in 0..<tokens * width { target[i] += from[i] }
                    }
                }
                cotangents.update(indices.classToken, shape: [1, width]) {
                    sum(of: 1, into: $0, $1)
                }
                cotangents.update(indices.codes, shape: codesShape) {
                    sum(of: 1 + count, into: $0, $1)
                }
            }
        }
    }
}
