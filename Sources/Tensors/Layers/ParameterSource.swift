/// The initial elements of an untrained parameter.
public enum InitialValues: Hashable, Sendable {
    /// All equal to one value.
    case constant(Float)
    /// Uniform between `-bound` and `bound`.
    case uniform(bound: Double)
    /// Normal with mean 0 and the given standard deviation, clamped to ±2 (the bounds of PyTorch's `trunc_normal_`).
    case normal(deviation: Double)
}

/// Supplies layers with their parameters as they are created: each layer requests its own by name and shape.
///
/// A model is thus described once, by the initialisers of its layers, whether its parameters are read from a file,
/// drawn from a generator, or only listed.
public struct ParameterSource<Failure: Error> {
    private let prefix: String
    /// Returns the tensor of a name and shape.
    package typealias Make = (String, Shape, InitialValues) throws(Failure) -> Tensor
    /// Returns the quantised matrix of a name and shape; nil if it is not quantised.
    package typealias MakeQuantized = (String, Shape) throws(Failure) -> IntegerFactor?

    private let make: Make
    private let makeQuantized: MakeQuantized?
    /// The precision that the linear maps of a model's blocks are prepared for as they are created; nil: none.
    package let precision: Precision?

    /// Creates a source.
    ///
    /// - Parameter make: returns the tensor of a given name, in the given shape; its third argument is the initial
    ///   elements for an untrained model.
    public init(_ make: @escaping (String, Shape, InitialValues) throws(Failure) -> Tensor) {
        self.init(prefix: "", make, nil, precision: nil)
    }

    /// Creates a source of a model for inference.
    ///
    /// - Parameters:
    ///   - precision: the precision that the linear maps of a model's blocks are prepared for.
    ///   - quantized: returns the matrices that are quantised already.
    ///   - make: returns the other tensors.
    package init(
        precision: Precision?, quantized: @escaping MakeQuantized, _ make: @escaping Make
    ) {
        self.init(prefix: "", make, quantized, precision: precision)
    }

    private init(
        prefix: String, _ make: @escaping Make, _ makeQuantized: MakeQuantized?,
        precision: Precision?
    ) {
        self.prefix = prefix
        self.make = make
        self.makeQuantized = makeQuantized
        self.precision = precision
    }

    /// The parameter of a name.
    ///
    /// - Parameters:
    ///   - name: its name, relative to the part that this source is for.
    ///   - shape: its shape.
    ///   - initial: its elements in an untrained model.
    /// - Throws: what the source's closure throws, such as an error for a parameter that a file lacks.
    public func parameter(
        _ name: String, _ shape: Shape, _ initial: InitialValues
    ) throws(Failure) -> Tensor {
        try make(prefix + name, shape, initial)
    }

    /// The matrix of a name, if the source has it in quantised form.
    func quantized(_ name: String, _ shape: Shape) throws(Failure) -> IntegerFactor? {
        try makeQuantized?(prefix + name, shape)
    }

    /// The same source of a part that is prepared for another precision.
    package func preparing(for precision: Precision?) -> ParameterSource {
        ParameterSource(prefix: prefix, make, makeQuantized, precision: precision)
    }

    /// The source for a part of a model: its parameters' names are prefixed with the part's and a point.
    public func under(_ part: String) -> ParameterSource {
        ParameterSource(
            prefix: prefix + part + ".", make, makeQuantized, precision: precision)
    }
}

/// Lists the parameters of a model in the order in which it requests them, without allocating them.
///
/// - Parameter model: creates the model from a source.
public func parameterShapes<Model>(
    of model: (ParameterSource<Never>) -> Model
) -> [(name: String, shape: Shape)] {
    var shapes: [(name: String, shape: Shape)] = []
    _ = model(
        ParameterSource { name, shape, _ in
            shapes.append((name, shape))
            return Tensor(placeholder: shape)
        })
    return shapes
}

/// Creates a model with random initial parameters, drawn in the model's order: the same generator gives bit-identical
/// elements.
///
/// - Parameters:
///   - generator: supplies the random numbers.
///   - model: creates the model from a source.
public func untrained<Model>(
    using generator: inout some RandomNumberGenerator, _ model: (ParameterSource<Never>) -> Model
) -> Model {
    var draws = generator
    defer { generator = draws }
    return model(ParameterSource { _, shape, initial in initial.tensor(shape, using: &draws) })
}

extension InitialValues {
    fileprivate func tensor(
        _ shape: Shape, using generator: inout some RandomNumberGenerator
    ) -> Tensor {
        Tensor(shape: shape) { elements in
            for i in elements.indices {
                elements[i] =
                    switch self {
                    case .constant(let value): value
                    case .uniform(let bound): Float((2 * generator.nextUniform() - 1) * bound)
                    case .normal(let deviation):
                        Float(min(max(deviation * generator.nextNormal(), -2), 2))
                    }
            }
        }
    }
}
