/// What an untrained parameter's elements are.
public enum InitialValues: Hashable, Sendable {
    case constant(Float)
    /// Uniform within ± a bound.
    case uniform(bound: Double)
    /// Normal with mean 0, cut off at ±2 (`trunc_normal_` of PyTorch with its defaults).
    case normal(deviation: Double)
}

/// Where layers get their parameters from as they are made: each asks for its own, by name and shape.
///
/// A model is thus described once, by the initialisers of its layers; its parameters may be read from a
/// file, drawn from a generator, or only listed.
public struct ParameterSource<Failure: Error> {
    private let prefix: String
    private let make: (String, Shape, InitialValues) throws(Failure) -> Tensor

    /// - Parameter make: gives the tensor of a name, in the shape that is asked for.
    public init(_ make: @escaping (String, Shape, InitialValues) throws(Failure) -> Tensor) {
        self.init(prefix: "", make)
    }

    private init(
        prefix: String, _ make: @escaping (String, Shape, InitialValues) throws(Failure) -> Tensor
    ) {
        self.prefix = prefix
        self.make = make
    }

    /// The parameter of a name.
    ///
    /// - Parameter initial: its elements where it is not trained.
    public func parameter(
        _ name: String, _ shape: Shape, _ initial: InitialValues
    ) throws(Failure) -> Tensor {
        try make(prefix + name, shape, initial)
    }

    /// The parameters of a part, whose names have the part's and a point before them.
    public func under(_ part: String) -> ParameterSource {
        ParameterSource(prefix: prefix + part + ".", make)
    }
}

/// The parameters that a model asks for, in its order. No memory is taken for them.
public func parameterShapes<Model>(
    of model: (ParameterSource<Never>) -> Model
) -> [(name: String, shape: Shape)] {
    var shapes: [(name: String, shape: Shape)] = []
    _ = model(
        ParameterSource { name, shape, _ in
            shapes.append((name, shape))
            return Tensor(standingInFor: shape)
        })
    return shapes
}

/// A model with the parameters with which training starts, drawn in the model's order: the same generator
/// gives the same elements to the bit.
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
