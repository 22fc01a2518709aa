import Tensors

/// A parameter with elements that are infinite or not a number.
public struct NonFiniteParameter: Hashable, Sendable {
    /// The parameter's official name.
    public var name: String
    /// The indices of the first such element.
    public var place: [Int]
    /// What that element is.
    public var value: Value
    /// The number of such elements.
    public var count: Int

    public enum Value: String, Hashable, Sendable {
        case notANumber = "nan"
        case infinity = "inf"
        case negativeInfinity = "-inf"

        /// - Parameter element: no finite number.
        fileprivate init(_ element: Float) {
            self = element.isNaN ? .notANumber : element > 0 ? .infinity : .negativeInfinity
        }
    }

    /// Nil where all elements are finite.
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
    /// The first element, and how many there are.
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
