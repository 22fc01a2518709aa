import Platform

extension Tensor {
    /// The mean over the rows of the cross-entropy of each row's softmax with the class that it belongs to: `-log
    /// softmax(x_r)[label_r]`, as PyTorch's `cross_entropy`.
    ///
    /// - Parameter labels: the class of each row, from 0.
    /// - Returns: a scalar, for logits of `[rows, classes]`.
    /// - Complexity: O(count).
    public func crossEntropy(labels: [Int]) -> Tensor {
        require(
            shape.rank == 2 && labels.count == shape[0] && !labels.isEmpty,
            "crossEntropy: \(shape) with \(labels.count) labels")
        let classes = shape[1]
        let targets = Tensor(shape: shape) { targets in
            targets.update(repeating: 0)
            for (row, label) in labels.enumerated() {
                require(
                    0..<classes ~= label, "crossEntropy: label \(label) of \(classes) classes")
                targets[row * classes + label] = 1
            }
        }
        return crossEntropy(softTargets: targets, temperature: 1).scaled(
            by: 1 / Float(labels.count))
    }

    /// The index of the largest element of each row, the first of equal ones. Rows are along the last axis. Complexity:
    /// O(count).
    ///
    /// - Precondition: rows hold elements.
    public func argmax() -> [Int] { topK(1).map { $0[0].index } }

    /// The largest elements of each row with their indices, largest first, and of equal ones the first one first. Rows are
    /// along the last axis.
    ///
    /// - Precondition: rows hold at least `count` elements, all of them numbers.
    /// - Complexity: O(elements of the tensor * count) at worst, O(elements) for small counts on the average.
    public func topK(_ count: Int) -> [[(index: Int, value: Float)]] {
        require(
            shape.rank > 0 && 1...max(1, shape[-1]) ~= count && shape[-1] > 0,
            "topK: \(count) of \(shape)")
        let width = shape[-1]
        return withUnsafeElements { elements in
            stride(from: 0, to: elements.count, by: width).map { start in
                var best: [(index: Int, value: Float)] = []
                best.reserveCapacity(count + 1)
                for index in 0..<width {
                    let value = elements[start + index]
                    if best.count == count, value <= best[count - 1].value { continue }
                    let position = best.firstIndex { $0.value < value } ?? best.count
                    best.insert((index, value), at: position)
                    if best.count > count { best.removeLast() }
                }
                return best
            }
        }
    }
}
