import Platform

extension Tensor {
    /// Records an operation with your own derivative.
    ///
    /// ```swift
    /// /// 1 / (1 + exp(-x)), dx = y (1 - y) dy.
    /// func sigmoid(_ x: Tensor) -> Tensor {
    ///     .custom(inputs: [x]) { inputs in
    ///         Tensor(inputs[0].elements.map { 1 / (1 + exp(-$0)) }, shape: inputs[0].shape)
    ///     } pullback: { inputs, value, gradient in
    ///         [gradient * (value - value * value)]
    ///     }
    /// }
    /// ```
    ///
    /// If no input is tracked, nothing is recorded and `pullback` is dropped. Check the derivative with
    /// `gradientErrors(at:seed:of:)`.
    ///
    /// - Parameters:
    ///   - inputs: the tensors that the value depends on. They and the value are kept for `pullback`.
    ///   - value: computes the value from the untracked inputs.
    ///   - pullback: computes the gradients of the inputs from the gradient of the value; each has the shape of its input, and
    ///     nil stands for an input without a gradient. It is called at most once.
    /// - Precondition: all tracked inputs are recorded on the same tape.
    public static func custom(
        inputs: [Tensor], value: (_ inputs: [Tensor]) -> Tensor,
        pullback: @escaping (_ inputs: [Tensor], _ value: Tensor, _ gradient: Tensor) -> [Tensor?]
    ) -> Tensor {
        let constants = inputs.map(\.untracked)
        let result = value(constants)
        require(
            !result.isTracked,
            "custom: the value is computed from a tensor \(result.shape) that is tracked and no input"
        )
        let traces = inputs.map(\.trace)
        guard let tape = traces.lazy.compactMap({ $0?.tape }).first else { return result }
        require(
            traces.allSatisfy { $0 == nil || $0?.tape === tape },
            "custom: inputs are recorded on different tapes")
        let indices = traces.map { $0?.index }
        return tape.record(result) { gradient, cotangents in
            let gradients = pullback(constants, result, gradient)
            require(
                gradients.count == constants.count,
                "custom: \(gradients.count) gradients for \(constants.count) inputs")
            for ((share, input), index) in zip(zip(gradients, constants), indices) {
                guard let share else { continue }
                require(
                    share.shape == input.shape,
                    "custom: a gradient \(share.shape) for an input \(input.shape)")
                cotangents.add(share.untracked, to: index)
            }
        }
    }
}
