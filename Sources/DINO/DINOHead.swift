import Platform
import Tensors

/// DINO's projection head (`DINOHead` of vision_transformer.py): a perceptron to a narrow bottleneck,
/// its result on the unit sphere, and a last layer without bias whose rows have a length of their
/// own (weight normalisation, Salimans and Kingma 2016).
///
///     h_0 = x,  h_i = GELU(norm_i(W_i h_(i-1) + b_i)),  z = W_n h_(n-1) + b_n
///     output_k = g_k (v_k / |v_k|) · z / |z|
///
/// norm_i is batch normalisation where the options ask for it, and else nothing.
public struct DINOHead: Sendable {
    public struct Options: Sendable, Codable, Hashable {
        /// Numbers that the head gives for an image: `--out_dim`.
        public var prototypes: Int
        /// Layers of the perceptron, at least 1: `nlayers`.
        public var layers = 3
        /// `hidden_dim`.
        public var hiddenWidth = 2048
        /// `bottleneck_dim`.
        public var bottleneckWidth = 256
        /// `--use_bn_in_head`.
        public var hasBatchNorm = false
        /// Whether the lengths g of the last layer's rows are learnt, or 1: `--norm_last_layer`
        /// false, which is better for a ViT-S and less stable.
        public var learnsMagnitude = false

        public init(prototypes: Int = 65536) {
            self.prototypes = prototypes
        }
    }

    /// A layer of the perceptron; all but the last have a GELU behind them.
    struct Layer: Sendable {
        var linear: Linear
        var norm: BatchNorm?
    }

    public let options: Options
    var layers: [Layer]
    /// v, `[prototypes, bottleneckWidth]`.
    public var direction: Tensor
    /// g, `[prototypes, 1]`.
    public var magnitude: Tensor

    /// Creates a head whose parameters have the names of vision_transformer.py: `mlp.0.weight` (`mlp.weight`
    /// where there is one layer alone), `last_layer.weight_g`, `last_layer.weight_v`. At first matrices are
    /// normal with deviation 0.02, biases 0; the last layer's directions, as PyTorch's `Linear`, uniform within
    /// ±1 / sqrt(bottleneckWidth), their lengths 1.
    public init<Failure>(
        inputWidth: Int, options: Options, from source: ParameterSource<Failure>
    ) throws(Failure) {
        require(options.layers >= 1, "DINOHead: \(options.layers) layers")
        self.options = options
        layers = []
        for index in 0..<options.layers {
            let isLast = index == options.layers - 1
            let names = options.names(ofLayer: index)
            layers.append(
                Layer(
                    linear: try Linear(
                        from: source.under(names.linear),
                        inputs: index == 0 ? inputWidth : options.hiddenWidth,
                        outputs: isLast ? options.bottleneckWidth : options.hiddenWidth),
                    norm: isLast || !options.hasBatchNorm
                        ? nil
                        : try BatchNorm(
                            from: source.under(names.norm), width: options.hiddenWidth)))
        }
        let last = source.under("last_layer")
        magnitude = try last.parameter("weight_g", [options.prototypes, 1], .constant(1))
        direction = try last.parameter(
            "weight_v", [options.prototypes, options.bottleneckWidth],
            .uniform(bound: 1 / Double(options.bottleneckWidth).squareRoot()))
    }

    /// A head with which training starts.
    public init(
        inputWidth: Int, options: Options, using generator: inout some RandomNumberGenerator
    ) {
        self = untrained(using: &generator) {
            DINOHead(inputWidth: inputWidth, options: options, from: $0)
        }
    }

    /// Channels of the embeddings that it takes.
    public var inputWidth: Int { layers[0].linear.weight.shape[1] }

    /// - Parameter embeddings: `[images, inputWidth]`; with batch normalisation all that are to share
    ///   its statistics.
    /// - Returns: `[images, prototypes]`.
    /// - Complexity: O(images x parameters).
    public func callAsFunction(_ embeddings: Tensor) -> Tensor {
        var x = embeddings
        for (index, layer) in layers.enumerated() {
            x = layer.linear(x, after: index == 0 ? .identity : .gelu)
            if let norm = layer.norm { x = norm(x) }
        }
        return x.normalizedRows().linear(directions: direction, magnitudes: magnitude)
    }
}

extension DINOHead: Module {
    public mutating func forEachParameter(_ body: (String, inout Tensor) throws -> Void) rethrows {
        for index in layers.indices {
            let names = options.names(ofLayer: index)
            try layers[index].linear.forEachParameter(under: names.linear, body)
            try layers[index].norm?.forEachParameter(under: names.norm, body)
        }
        try body("last_layer.weight_g", &magnitude)
        try body("last_layer.weight_v", &direction)
    }
}

extension DINOHead.Options {
    /// The parts of a layer of the perceptron, by their places in PyTorch's `Sequential`.
    fileprivate func names(ofLayer index: Int) -> (linear: String, norm: String) {
        let place = index * (hasBatchNorm ? 3 : 2)
        return (layers == 1 ? "mlp" : "mlp.\(place)", "mlp.\(place + 1)")
    }
}
