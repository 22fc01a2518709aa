import Platform

extension Tensor {
    /// A transformer's input: the class token and the patches of each image, each plus its position
    /// code.
    ///
    /// The gradients of the codes are the sums over the images, and the class token's that of its
    /// code.
    ///
    /// - Parameters:
    ///   - classToken: `[1, width]`.
    ///   - patches: `[batch, n, width]`.
    ///   - codes: `[1 + n, width]`, the class token's first.
    /// - Returns: `[batch, 1 + n, width]`.
    /// - Complexity: O(result).
    public static func tokens(classToken: Tensor, patches: Tensor, codes: Tensor) -> Tensor {
        require(
            patches.shape.rank == 3 && codes.shape == [1 + patches.shape[1], patches.shape[2]]
                && classToken.count == patches.shape[2],
            "tokens: class token \(classToken.shape), patches \(patches.shape), codes \(codes.shape)"
        )
        let batch = patches.shape[0]
        let tokens = codes.shape[0]
        let width = codes.shape[1]
        let length = tokens * width
        let result = Tensor(uninitialized: [batch, tokens, width])
        withExtendedLifetime((classToken, patches, codes, result)) {
            let (first, codes) = (classToken.base, codes.base)
            Parallelism.perform(count: batch) { image in
                let target = result.mutableBase + image * length
                let source = patches.base + image * (length - width)
                for i in 0..<width { target[i] = first[i] + codes[i] }
                for i in width..<length { target[i] = source[i - width] + codes[i] }
            }
        }
        guard let tape = Tape.of(classToken, patches, codes) else { return result }
        return tape.record(result) {
            [
                classShape = classToken.shape, patchShape = patches.shape, codeShape = codes.shape,
                indices = (
                    classToken: classToken.trace?.index, patches: patches.trace?.index,
                    codes: codes.trace?.index
                )
            ] gradient, cotangents in
            gradient.withUnsafeElements { gradient in
                guard let gradient = gradient.baseAddress else { return }
                cotangents.update(indices.patches, shape: patchShape) { sum, isSum in
                    Parallelism.perform(count: batch) { image in
                        let source = gradient + image * length + width
                        let target = sum + image * (length - width)
                        for i in 0..<length - width {
                            target[i] = (isSum ? target[i] : 0) + source[i]
                        }
                    }
                }
                cotangents.update(indices.codes, shape: codeShape) { sum, isSum in
                    inChunks(of: length) { chunk in
                        if !isSum { for i in chunk { sum[i] = 0 } }
                        for image in 0..<batch {
                            let source = gradient + image * length
                            for i in chunk { sum[i] += source[i] }
                        }
                    }
                }
                cotangents.update(indices.classToken, shape: classShape) { sum, isSum in
                    MatrixView(gradient, rows: batch, columns: width, rowStride: length)
                        .addColumnSums(to: sum, isSum: isSum)
                }
            }
        }
    }
}
