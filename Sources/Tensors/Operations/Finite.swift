extension Tensor {
    /// Whether every element is finite.
    ///
    /// - Complexity: O(elements).
    package var isFinite: Bool {
        withUnsafeElements { elements in
            // 0 x is 0 for finite x and NaN otherwise: one sum without branches.
            elements.reduce(0) { $0 + 0 * $1 } == 0
        }
    }
}
