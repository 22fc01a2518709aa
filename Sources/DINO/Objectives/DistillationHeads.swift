import Tensors

/// Linear maps from the student's tokens to the feature teacher's vectors.
public struct DistillationHeads: Sendable, Module {
    /// The maps of patch tokens, one per tap.
    public var patches: [Linear]
    /// The map of the class token.
    public var classToken: Linear

    /// Creates the maps from the parameters `patches.0.weight`, … and `class_token.weight` with their biases.
    init<Failure>(
        _ options: DistillationOptions, inputWidth: Int, from source: ParameterSource<Failure>
    ) throws(Failure) {
        patches = []
        for index in options.taps.indices {
            patches.append(
                try Linear(
                    from: source.under("patches.\(index)"), inputs: inputWidth,
                    outputs: options.channels))
        }
        classToken = try Linear(
            from: source.under("class_token"), inputs: inputWidth, outputs: options.channels)
    }

    /// Visits the parameters of all maps.
    public mutating func forEachParameter(_ body: (String, inout Tensor) throws -> Void) rethrows {
        for index in patches.indices {
            try patches[index].forEachParameter(under: "patches.\(index)", body)
        }
        try classToken.forEachParameter(under: "class_token", body)
    }
}
