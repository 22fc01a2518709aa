import Platform

extension Tensor {
    /// Copies the selected slices of the outermost dimension: `[indices.count, ...]`.
    ///
    /// The gradient is added to that of the slices copied.
    ///
    /// - Parameter indices: the slices, in the order of the result.
    ///
    /// - Precondition: the indices are within the outermost dimension and distinct.
    /// - Complexity: O(result).
    public func samples(_ indices: [Int]) -> Tensor {
        let length = sampleLength(indices, "samples")
        var result = Tensor(uninitialized: sampleShape(indices.count))
        withUnsafePointers(writing: &result, reading: self) { target, source in
            Parallelism.perform(count: indices.count) { i in
                (target + i * length).update(from: source + indices[i] * length, count: length)
            }
        }
        guard let trace else { return result }
        return trace.tape.record(result) { [shape, index = trace.index] gradient, cotangents in
            cotangents.add(to: index, shape: shape) { sum in
                gradient.withUnsafeElements { gradient in
                    Parallelism.perform(count: indices.count) { i in
                        let target = sum + indices[i] * length
                        for j in 0..<length { target[j] += gradient[i * length + j] }
                    }
                }
            }
        }
    }

    /// Adds `factor` times `part` to the selected outermost slices: `y[indices[i]] = x[indices[i]] + factor part[i]`,
    /// and y = x elsewhere.
    ///
    /// `dx = dy`, `dpart[i] = factor dy[indices[i]]`.
    ///
    /// - Parameters:
    ///   - part: `[indices.count, ...]`.
    ///   - indices: the slices to add to.
    ///   - factor: multiplies `part`.
    /// - Precondition: the indices are within the outermost dimension and distinct.
    /// - Complexity: O(count).
    public func adding(
        _ part: Tensor, toSamples indices: [Int], scaledBy factor: Float
    ) -> Tensor {
        let length = sampleLength(indices, "adding")
        require(
            part.shape == sampleShape(indices.count),
            "adding: \(part.shape) to \(indices.count) samples of \(shape)")
        var result = Tensor(uninitialized: shape)
        var positions = [Int?](repeating: nil, count: shape[0])
        for (position, index) in indices.enumerated() { positions[index] = position }
        withUnsafePointers(writing: &result, reading: self, part) { y, x, part in
            Parallelism.perform(count: shape[0]) { sample in
                let (source, target) = (x + sample * length, y + sample * length)
                guard let position = positions[sample] else {
                    return target.update(from: source, count: length)
                }
                let addend = part + position * length
                for j in 0..<length { target[j] = source[j] + factor * addend[j] }
            }
        }
        guard let tape = Tape.of(self, part) else { return result }
        return tape.record(result) {
            [x = trace?.index, part = part.trace?.index, partShape = part.shape]
            gradient, cotangents in
            cotangents.update(part, shape: partShape) { sum, isSum in
                gradient.withUnsafeElements { gradient in
                    Parallelism.perform(count: indices.count) { i in
                        let source = indices[i] * length
                        let target = sum + i * length
                        for j in 0..<length {
                            target[j] = (isSum ? target[j] : 0) + factor * gradient[source + j]
                        }
                    }
                }
            }
            cotangents.add(gradient, to: x)
        }
    }

    /// Replaces selected rows of the innermost dimension by one row, such as a mask token.
    ///
    /// `dx = dy`, but 0 in the replaced rows; the gradient of `row` is the sum of dy over them.
    ///
    /// - Parameters:
    ///   - indices: the rows to replace, counted through all outer dimensions.
    ///   - row: `[1, width]`.
    /// - Precondition: the indices are distinct.
    /// - Complexity: O(count).
    public func replacingRows(_ indices: [Int], by row: Tensor) -> Tensor {
        let width = shape[-1]
        let rows = width > 0 ? count / width : 0
        require(
            row.shape == [1, width] && indices.allSatisfy { 0..<rows ~= $0 }
                && Set(indices).count == indices.count,
            "replacingRows: \(indices.count) of \(shape) by \(row.shape)")
        var result = Tensor(uninitialized: shape)
        withUnsafePointers(writing: &result, reading: self, row) { y, x, row in
            y.update(from: x, count: count)
            for index in indices { (y + index * width).update(from: row, count: width) }
        }
        guard let tape = Tape.of(self, row) else { return result }
        return tape.record(result) {
            [x = trace?.index, row = row.trace?.index] gradient, cotangents in
            cotangents.add(to: row, shape: [1, width]) { sum in
                gradient.withUnsafeElements { gradient in
                    for index in indices {
                        for i in 0..<width { sum[i] += gradient[index * width + i] }
                    }
                }
            }
            guard x != nil else { return }
            gradient.withUnsafeMutableElements { gradient in
                for index in indices {
                    for i in index * width..<(index + 1) * width { gradient[i] = 0 }
                }
            }
            cotangents.add(gradient, to: x)
        }
    }

    /// The number of elements of an outermost slice; checks the indices.
    private func sampleLength(_ indices: [Int], _ operation: String) -> Int {
        require(
            shape.rank > 0 && indices.allSatisfy { 0..<shape[0] ~= $0 }
                && Set(indices).count == indices.count,
            "\(operation): samples \(indices) of \(shape)")
        return shape[0] > 0 ? count / shape[0] : 0
    }

    private func sampleShape(_ count: Int) -> Shape {
        Shape([count] + shape.dimensions.dropFirst())
    }
}
