import Tensors

/// A parameter with elements that are infinite or not a number.
public struct NonFiniteParameter: Hashable, Sendable {
    /// The parameter's official name.
    public var name: String
    /// The indices of the first such element in the parameter.
    public var place: [Int]
    /// The first such element.
    public var value: Value
    /// The number of such elements.
    public var count: Int

    /// The kinds of non-finite values.
    public enum Value: String, Hashable, Sendable {
        /// Not a number.
        case notANumber = "nan"
        /// Positive infinity.
        case infinity = "inf"
        /// Negative infinity.
        case negativeInfinity = "-inf"

        /// - Precondition: the element is not finite.
        fileprivate init(_ element: Float) {
            self = element.isNaN ? .notANumber : element > 0 ? .infinity : .negativeInfinity
        }
    }

    /// Finds a parameter's non-finite elements; nil if there are none.
    package init?(_ name: String, _ tensor: Tensor) {
        let count = tensor.nonFiniteCount
        guard count > 0, let first = tensor.firstNonFinite else { return nil }
        self.name = name
        self.count = count
        value = Value(tensor.withUnsafeElements { $0[first] })
        var rest = first
        place = tensor.shape.dimensions.reversed().map { extent in
            defer { rest /= extent }
            return rest % extent
        }.reversed()
    }
}

extension [NonFiniteParameter] {
    /// The first non-finite element and the number of all, as text.
    public var summary: String {
        guard let first else { return "none" }
        let place = first.place.map(String.init).joined(separator: ", ")
        let number = reduce(0) { $0 + $1.count }
        let rest =
            number == 1
            ? "" : ", the first of \(number) in \(count) parameter\(count == 1 ? "" : "s")"
        return "\(first.name)[\(place)] is \(first.value.rawValue)" + rest
    }
}
