import Tensors
import ViT

/// The linear maps from a student's tokens to its teacher's vectors.
public struct DistillationHeads: Sendable, Module {
    /// One for each tap.
    public var patches: [Linear]
    public var classToken: Linear

    /// Asks for `patches.0.weight`, … and `class_token.weight`.
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

    public mutating func forEachParameter(_ body: (String, inout Tensor) throws -> Void) rethrows {
        for index in patches.indices {
            try patches[index].forEachParameter(under: "patches.\(index)", body)
        }
        try classToken.forEachParameter(under: "class_token", body)
    }
}
