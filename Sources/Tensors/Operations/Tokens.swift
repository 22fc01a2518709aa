import Platform

extension Tensor {
    /// A transformer's input: for each image the class token, the registers and the patches. Position codes, if there
    /// are any, are added to the class token and the patches.
    ///
    /// The gradients of the codes and of the leading tokens are sums over the images.
    ///
    /// - Parameters:
    ///   - leading: the class token and the registers, `[1 + registers, width]`.
    ///   - patches: `[batch, n, width]`.
    ///   - codes: `[1 + n, width]`, the class token's first; nil to add nothing.
    /// - Returns: `[batch, 1 + registers + n, width]`.
    /// - Complexity: O(result).
    public static func tokens(leading: Tensor, patches: Tensor, codes: Tensor?) -> Tensor {
        require(
            patches.shape.rank == 3 && leading.shape.rank == 2 && leading.shape[0] > 0
                && leading.shape[1] == patches.shape[2]
                && codes.map { $0.shape == [1 + patches.shape[1], patches.shape[2]] } ?? true,
            "tokens: leading tokens \(leading.shape), patches \(patches.shape), codes"
                + " \(codes?.shape ?? [])")
        let batch = patches.shape[0]
        let width = patches.shape[2]
        let (first, rest) = (leading.count, patches.shape[1] * width)
        let length = first + rest
        var result = Tensor(
            uninitialized: [batch, leading.shape[0] + patches.shape[1], width])
        withUnsafePointers(writing: &result, reading: leading, patches, codes) {
            result, leading, patches, codes in
            Parallelism.perform(count: batch) { image in
                let (target, source) = (result + image * length, patches + image * rest)
                target.update(from: leading, count: first)
                guard let codes else {
                    return (target + first).update(from: source, count: rest)
                }
                for i in 0..<width { target[i] += codes[i] }
                for i in 0..<rest { target[first + i] = source[i] + codes[width + i] }
            }
        }
        guard let tape = Tape.of(leading, patches, codes) else { return result }
        return tape.record(result) {
            [
                leadingShape = leading.shape, patchShape = patches.shape, codeShape = codes?.shape,
                indices = (
                    leading: leading.trace?.index, patches: patches.trace?.index,
                    codes: codes?.trace?.index
                )
            ] gradient, cotangents in
            withUnsafePointers(reading: gradient) { gradient in
                cotangents.update(indices.patches, shape: patchShape) { sum, isSum in
                    Parallelism.perform(count: batch) { image in
                        let source = gradient + image * length + first
                        let target = sum + image * rest
                        for i in 0..<rest {
                            target[i] = (isSum ? target[i] : 0) + source[i]
                        }
                    }
                }
                if let codeShape {
                    cotangents.update(indices.codes, shape: codeShape) { sum, isSum in
                        inChunks(of: width + rest) { chunk in
                            if !isSum { for i in chunk { sum[i] = 0 } }
                            for image in 0..<batch {
                                let source = gradient + image * length
                                for i in chunk {
                                    sum[i] += source[i < width ? i : first - width + i]
                                }
                            }
                        }
                    }
                }
                cotangents.update(indices.leading, shape: leadingShape) { sum, isSum in
                    MatrixView(gradient, rows: batch, columns: first, rowStride: length)
                        .addColumnSums(to: sum, isSum: isSum)
                }
            }
        }
    }
}
