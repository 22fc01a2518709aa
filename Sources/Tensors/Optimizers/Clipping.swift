extension Gradients {
    /// Clips each parameter's gradient to a length of at most `limit`: it is multiplied by `limit / (length + 1e-6)`
    /// where that is below 1 (`clip_gradients` of facebookresearch/dino, utils.py).
    ///
    /// - Returns: the length of each gradient before clipping, `nil` where there is no gradient.
    /// - Complexity: O(elements).
    @discardableResult
    public mutating func clip(eachTo limit: Double) -> [Double?] {
        let lengths = self.lengths
        for (index, length) in lengths.enumerated() {
            guard let length, limit / (length + 1e-6) < 1 else { continue }
            scale(at: index, by: Float(limit / (length + 1e-6)))
        }
        return lengths
    }

    /// Clips some gradients by their joint length: each is multiplied by `limit / (length + 1e-6)` if that is below 1
    /// (`clip_grad_norm_` of PyTorch).
    ///
    /// - Parameters:
    ///   - indices: the parameters, by their position in the module.
    ///   - limit: the most that the joint length may be.
    /// - Complexity: O(elements).
    public mutating func clip(_ indices: [Int], togetherTo limit: Double) {
        let length = indices.reduce(0) { $0 + (tensors[$1]?.squaredLength ?? 0) }.squareRoot()
        guard limit / (length + 1e-6) < 1 else { return }
        for index in indices { scale(at: index, by: Float(limit / (length + 1e-6))) }
    }

    /// The Euclidean length of each parameter's gradient, `nil` where there is none.
    ///
    /// - Complexity: O(elements).
    public var lengths: [Double?] { tensors.map { $0?.squaredLength.squareRoot() } }
}
