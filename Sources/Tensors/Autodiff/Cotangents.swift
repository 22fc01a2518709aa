import Platform

/// The gradients on their way back through a tape: for each recorded value the sum of what its uses
/// have handed back so far, or `nil` before the first.
package struct Cotangents {
    var values: [Tensor?]

    init(count: Int) {
        values = Array(repeating: nil, count: count)
    }

    /// Adds a gradient to that of a value; `nil` is the index of what is not tracked.
    ///
    /// The first gradient of a value becomes its sum as it stands, the next are added to it in place.
    package mutating func add(_ gradient: Tensor, to index: Int?) {
        guard let index else { return }
        values[index].accumulate(gradient)
    }

    /// Hands out the memory of a value's gradient, so that a pullback writes its share there itself.
    ///
    /// - Parameters:
    ///   - index: `nil` does nothing.
    ///   - shape: that of the value.
    ///   - body: gets the memory, and whether it holds a gradient to which to add; if not, `body`
    ///     writes every element.
    package mutating func update(
        _ index: Int?, shape: Shape,
        _ body: (_ gradient: UnsafeMutablePointer<Float>, _ isSum: Bool) -> Void
    ) {
        guard let index else { return }
        if var sum = values[index].take() {
            require(
                sum.shape.count == shape.count, "update: \(shape) for a gradient \(sum.shape)")
            sum.makeUnique()
            withExtendedLifetime(sum) { body(sum.mutableBase, true) }
            values[index] = sum
        } else {
            let first = Tensor(uninitialized: shape)
            withExtendedLifetime(first) { body(first.mutableBase, false) }
            values[index] = first
        }
    }
}

extension Tensor? {
    /// Adds a gradient in place; the first becomes the sum as it stands.
    mutating func accumulate(_ gradient: Tensor) {
        guard var sum = take() else {
            self = gradient
            return
        }
        sum.add(gradient)
        self = sum
    }
}
