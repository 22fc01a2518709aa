/// The values that an option may have, and what it is called in sentences.
///
/// Each stands once, beside the option that it bounds. A call of the program, a configuration made in
/// code and one read from a file are all checked by it. Its comment names the reason: the largest value
/// that anyone uses, or what the limit costs.
package struct Bound<Value: Comparable & Sendable>: Sendable {
    package let name: String
    package let range: ClosedRange<Value>

    package init(_ name: String, _ range: ClosedRange<Value>) {
        self.name = name
        self.range = range
    }

    /// What is wrong with a value, such as `epochs 0 is not from 1 to 100000`; nil for a value of the
    /// range, or none. What is not a number lies in no range.
    ///
    /// - Parameter name: in place of the bound's own.
    package func fault(_ value: Value?, as name: String? = nil) -> String? {
        guard let value, !range.contains(value) else { return nil }
        return
            "\(name ?? self.name) \(value) is not from \(range.lowerBound) to \(range.upperBound)"
    }

    /// Likewise of both ends of a range of values.
    package func fault(_ values: ClosedRange<Value>) -> String? {
        fault(values.lowerBound) ?? fault(values.upperBound)
    }
}

/// Options that know what values they may have.
///
/// They are held against this wherever they come from a person or a file; code that sets them itself
/// may do so too.
public protocol Bounded {
    /// What is wrong with the values, as a clause; nil where they can be used. Complexity: O(values).
    var fault: String? { get }
}

/// The first of some faults.
package func firstFault(_ faults: String?...) -> String? { faults.compactMap(\.self).first }
