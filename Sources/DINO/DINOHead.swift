import Platform
import Tensors

/// DINO's projection head (`DINOHead` of vision_transformer.py): a perceptron with a narrow bottleneck, whose
/// output is normalised to unit length, and a weight-normalised last layer without bias (Salimans and Kingma 2016).
///
///     h_0 = x,  h_i = GELU(norm_i(W_i h_(i-1) + b_i)),  z = W_n h_(n-1) + b_n
///     output_k = g_k (v_k / |v_k|) · z / |z|
///
/// norm_i is batch normalisation if `Options.hasBatchNorm` is set, else the identity.
public struct DINOHead: Sendable {
    /// The architecture of a head. The names are those of main_dino.py's options and `DINOHead`'s parameters.
    public struct Options: Sendable, Codable, Hashable {
        /// The number of prototypes, the width of the output: `--out_dim`.
        public var prototypes: Int
        /// The number of layers of the perceptron, at least 1: `nlayers`.
        public var layers = 3
        /// The width of the hidden layers: `hidden_dim`.
        public var hiddenWidth = 2048
        /// The width of the bottleneck: `bottleneck_dim`.
        public var bottleneckWidth = 256
        /// Whether hidden layers have batch normalisation: `--use_bn_in_head`.
        public var hasBatchNorm = false
        /// Whether the lengths g of the last layer's rows are learnt instead of fixed at 1 (`--norm_last_layer`
        /// false): better for a ViT-S, but less stable.
        public var learnsMagnitude = false

        /// Creates DINO's default head with a number of prototypes.
        public init(prototypes: Int = 65536) {
            self.prototypes = prototypes
        }
    }

    /// A layer of the perceptron; a GELU follows all but the last.
    struct Layer: Sendable {
        var linear: Linear
        var norm: BatchNorm?
    }

    /// The head's architecture.
    public let options: Options
    var layers: [Layer]
    /// The directions v of the last layer's rows, `[prototypes, bottleneckWidth]`.
    public var direction: Tensor
    /// The lengths g of the last layer's rows, `[prototypes, 1]`.
    public var magnitude: Tensor

    /// Creates a head from parameters with the names of vision_transformer.py: `mlp.0.weight` (`mlp.weight` if
    /// there is only one layer), `last_layer.weight_g`, `last_layer.weight_v`. Initial matrices are normal with
    /// standard deviation 0.02 and biases 0; the last layer's directions are uniform within ±1 /
    /// sqrt(bottleneckWidth), as in PyTorch's `Linear`, their lengths 1.
    ///
    /// - Parameters:
    ///   - inputWidth: the width of the embeddings.
    ///   - options: the architecture.
    ///   - source: supplies the parameters.
    /// - Throws: what the source throws.
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

    /// Creates an untrained head.
    ///
    /// - Parameters:
    ///   - inputWidth: the width of the embeddings.
    ///   - options: the architecture.
    ///   - generator: the source of random numbers.
    public init(
        inputWidth: Int, options: Options, using generator: inout some RandomNumberGenerator
    ) {
        self = untrained(using: &generator) {
            DINOHead(inputWidth: inputWidth, options: options, from: $0)
        }
    }

    /// The width of the embeddings.
    public var inputWidth: Int { layers[0].linear.inputs }

    /// Applies the head to a batch of embeddings.
    ///
    /// - Parameter embeddings: `[images, inputWidth]`; batch normalisation takes its statistics over all of them.
    /// - Returns: `[images, prototypes]`.
    /// - Complexity: O(images x parameters).
    public func callAsFunction(_ embeddings: Tensor) -> Tensor {
        DINOHead.outputs(of: [self], [embeddings], across: Alone())[0]
    }

    /// Applies a head to the shares of a batch; batch normalisation takes its statistics over all of them.
    ///
    /// - Parameters:
    ///   - heads: the head for each of this rank's shares: the same parameters, tracked separately.
    ///   - embeddings: the embeddings of each share, `[images, inputWidth]`.
    ///   - communicator: the ranks that hold the shares.
    /// - Returns: `[images, prototypes]` for each share.
    static func outputs(
        of heads: [DINOHead], _ embeddings: [Tensor], across communicator: any Communicator
    ) -> [Tensor] {
        var shares = embeddings
        for (index, layer) in heads[0].layers.enumerated() {
            for share in shares.indices {
                shares[share] = heads[share].layers[index].linear(
                    shares[share], after: index == 0 ? .identity : .gelu)
            }
            if layer.norm != nil {
                shares = BatchNorm.outputs(
                    of: heads.compactMap { $0.layers[index].norm }, shares, across: communicator)
            }
        }
        return zip(heads, shares).map { head, x in
            x.normalizedRows().linear(directions: head.direction, magnitudes: head.magnitude)
        }
    }
}

extension DINOHead: Module {
    /// Visits the head's parameters by the names of vision_transformer.py.
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
    /// The names of a layer's parts, numbered as in PyTorch's `Sequential`.
    fileprivate func names(ofLayer index: Int) -> (linear: String, norm: String) {
        let place = index * (hasBatchNorm ? 3 : 2)
        return (layers == 1 ? "mlp" : "mlp.\(place)", "mlp.\(place + 1)")
    }
}
