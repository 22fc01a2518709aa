import Platform
import Tensors

extension VisionTransformer {
    /// The parameters of a vision transformer by their official names (`cls_token`,
    /// `blocks.0.attn.qkv.weight` …), all of them, in the shapes that the configuration asks for.
    public struct Weights: Sendable {
        public let configuration: Configuration
        /// By official name.
        public let tensors: [String: Tensor]

        /// Weights from tensors that a program made.
        ///
        /// - Precondition: the tensors are those of `configuration.weightShapes`.
        public init(configuration: Configuration, tensors: [String: Tensor]) {
            let shapes = configuration.weightShapes
            for (name, shape) in shapes {
                require(
                    tensors[name]?.shape == shape,
                    "Weights: \(name) is \(tensors[name].map { "\($0.shape)" } ?? "missing"),"
                        + " expected \(shape)")
            }
            require(
                tensors.count == shapes.count,
                "Weights: \(tensors.count) tensors for a model of \(shapes.count)")
            self.configuration = configuration
            self.tensors = tensors
        }

        /// The tensor of an official name.
        ///
        /// - Precondition: the model has such a tensor.
        public subscript(name: String) -> Tensor {
            guard let tensor = tensors[name] else {
                fail("Weights: no tensor is named \(name)")
            }
            return tensor
        }

        /// The number of parameters.
        public var parameterCount: Int { tensors.values.reduce(0) { $0 + $1.count } }

        /// Reads weights from a file: see `WeightFile` for what is understood.
        ///
        /// - Parameter heads: attention heads; nil for what the file (a safetensors file written here
        ///   does) or its `config.json` says, or else one for each 64 channels.
        public init(contentsOf path: String, heads: Int? = nil) throws(WeightsError) {
            self = try WeightFile(contentsOf: path, heads: heads).weights()
        }

        /// Writes a safetensors file with official names, and in its metadata what shapes do not tell:
        /// the number of heads and the epsilon of the layer norms.
        ///
        /// The file is written beside its place and renamed.
        ///
        /// - Parameter elementType: float32, or float16 or bfloat16, to which parameters are
        ///   rounded.
        /// - Throws: `TensorFileError.unwritable`; `outOfRange` where a parameter would become infinite
        ///   as a half.
        public func write(
            to path: String, elementType: ElementType = .float32, metadata: [String: String] = [:]
        ) throws(TensorFileError) {
            let own = WeightFile.metadata(for: configuration)
            try Safetensors.write(
                tensors, metadata: own.merging(metadata) { own, _ in own }, as: elementType,
                to: path)
        }
    }
}
