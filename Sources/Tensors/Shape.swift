import Platform

/// The extents of a tensor, outermost first.
///
/// A shape with no dimensions is a scalar; its `count` is 1.
public struct Shape: Hashable, Sendable {
    /// The extent of each dimension; none is negative.
    public let dimensions: [Int]

    /// The number of elements of a tensor of this shape: the product of the dimensions.
    public let count: Int

    /// Creates a shape from its extents.
    ///
    /// - Precondition: no extent is negative and their product fits an `Int`.
    public init(_ dimensions: [Int]) {
        var count = 1
        for extent in dimensions {
            require(extent >= 0, "Shape: negative extent in \(dimensions)")
            let (product, overflow) = count.multipliedReportingOverflow(by: extent)
            require(!overflow, "Shape: \(dimensions) has too many elements")
            count = product
        }
        self.dimensions = dimensions
        self.count = count
    }

    /// The number of dimensions.
    public var rank: Int { dimensions.count }

    /// The extent of a dimension; negative indices count from the innermost, which is -1.
    public subscript(_ dimension: Int) -> Int {
        dimensions[dimension < 0 ? dimensions.count + dimension : dimension]
    }
}

extension Shape: ExpressibleByArrayLiteral {
    /// Creates a shape from its extents, as in `[785, 384]`.
    public init(arrayLiteral extents: Int...) {
        self.init(extents)
    }
}

extension Shape: CustomStringConvertible {
    /// The extents joined by `x`, as in `785x384`; `scalar` if there are none.
    public var description: String {
        dimensions.isEmpty ? "scalar" : dimensions.map(String.init).joined(separator: "x")
    }
}
