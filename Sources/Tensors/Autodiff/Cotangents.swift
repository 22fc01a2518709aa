import Platform

/// The gradients during a backward pass: for each recorded value the sum of what its uses have contributed so far, or
/// `nil` before the first.
package struct Cotangents {
    var values: [Tensor?]

    init(count: Int) {
        values = Array(repeating: nil, count: count)
    }

    /// Adds a gradient to that of a value; the index is `nil` if the value is not tracked.
    ///
    /// The first gradient of a value is taken over without a copy; later ones are added to it in place.
    package mutating func add(_ gradient: Tensor, to index: Int?) {
        guard let index else { return }
        values[index].accumulate(gradient)
    }

    /// Gives a pullback the memory of a value's gradient, so that it can write its contribution in place.
    ///
    /// - Parameters:
    ///   - index: the value's index; with `nil` nothing is done.
    ///   - shape: the value's shape.
    ///   - body: receives the memory and whether it already holds a gradient to add to; if not, `body` must write every
    ///     element.
    package mutating func update(
        _ index: Int?, shape: Shape,
        _ body: (_ gradient: UnsafeMutablePointer<Float>, _ isSum: Bool) -> Void
    ) {
        guard let index else { return }
        if var sum = values[index].take() {
            require(
                sum.shape.count == shape.count, "update: \(shape) for a gradient \(sum.shape)")
            withUnsafePointers(writing: &sum) { body($0, true) }
            values[index] = sum
        } else {
            var first = Tensor(uninitialized: shape)
            withUnsafePointers(writing: &first) { body($0, false) }
            values[index] = first
        }
    }

    /// Gives a pullback the memory of a value's gradient to add to; the first gradient is added to zeros.
    ///
    /// - Parameters:
    ///   - index: the value's index; with `nil` nothing is done.
    ///   - shape: the value's shape.
    ///   - body: adds to the memory.
    package mutating func add(
        to index: Int?, shape: Shape, _ body: (_ gradient: UnsafeMutablePointer<Float>) -> Void
    ) {
        update(index, shape: shape) { gradient, isSum in
            if !isSum {
                inChunks(of: shape.count) {
                    (gradient + $0.lowerBound).update(repeating: 0, count: $0.count)
                }
            }
            body(gradient)
        }
    }
}

extension Tensor? {
    /// Adds a gradient in place; the first is taken over without a copy.
    mutating func accumulate(_ gradient: Tensor) {
        guard var sum = take() else {
            self = gradient
            return
        }
        sum.add(gradient)
        self = sum
    }
}
