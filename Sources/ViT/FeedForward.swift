import Tensors

/// The feed-forward layers of a block, which process each token by itself.
public struct FeedForward: Sendable {
    /// The activation between the two layers.
    public enum Kind: String, Hashable, Sendable, Codable, CaseIterable {
        /// A GELU (`Mlp` of vision_transformer.py).
        case perceptron
        /// SwiGLU: half of the first layer's channels gate the other half (Shazeer 2020; `SwiGLUFFN` of dinov2's
        /// swiglu_ffn.py).
        case swiGLU
    }

    /// The activation.
    public let kind: Kind
    /// The first layer: weight `[hiddenWidth, width]`, with SwiGLU `[2 * hiddenWidth, width]`, gates first.
    public var hidden: Linear
    /// The second layer: weight `[width, hiddenWidth]`.
    public var output: Linear

    /// Creates the layers from the parameters `fc1` and `fc2`, with SwiGLU `w12` and `w3`.
    ///
    /// - Parameters:
    ///   - configuration: the network's architecture.
    ///   - source: supplies the parameters.
    /// - Throws: what the source throws.
    public init<Failure>(
        _ configuration: VisionTransformer.Configuration, from source: ParameterSource<Failure>
    ) throws(Failure) {
        kind = configuration.feedForward
        let (width, hiddenWidth) = (configuration.width, configuration.hiddenWidth)
        let names = configuration.feedForward.names
        func layer(_ name: String, _ inputs: Int, _ outputs: Int) throws(Failure) -> Linear {
            try Linear(from: source.under(name), inputs: inputs, outputs: outputs)
        }
        let joinedWidth = kind == .swiGLU ? 2 * hiddenWidth : hiddenWidth
        if let precision = source.precision {
            // Its floats make room for those of the first layer, which the block prepares together with its norm.
            output = try layer(names.output, hiddenWidth, width)
            output.prepare(for: precision)
            hidden = try layer(names.hidden, width, joinedWidth)
        } else {
            hidden = try layer(names.hidden, width, joinedWidth)
            output = try layer(names.output, hiddenWidth, width)
        }
    }

    func callAsFunction(_ x: Tensor, after map: InputMap, adding residual: Tensor?) -> Tensor {
        switch kind {
        case .perceptron: x.perceptron(hidden, output, after: map, adding: residual)
        case .swiGLU: output(hidden(x, after: map).swiGLU(), adding: residual)
        }
    }
}

extension FeedForward.Kind {
    /// The layers' official names.
    var names: (hidden: String, output: String) {
        switch self {
        case .perceptron: ("fc1", "fc2")
        case .swiGLU: ("w12", "w3")
        }
    }
}

extension FeedForward: Module {
    /// Visits the parameters of both layers.
    public mutating func forEachParameter(_ body: (String, inout Tensor) throws -> Void) rethrows {
        try hidden.forEachParameter(under: kind.names.hidden, body)
        try output.forEachParameter(under: kind.names.output, body)
    }
}
