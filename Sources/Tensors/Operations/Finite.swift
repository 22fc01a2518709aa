extension Tensor {
    /// Whether every element is a finite number. Complexity: O(elements).
    package var isFinite: Bool {
        withUnsafeElements { elements in
            // 0 times a number is 0, and not a number for all that are not finite: one sum, no branches.
            elements.reduce(0) { $0 + 0 * $1 } == 0
        }
    }
}
